#!/bin/sh
# What comes before the line `# Dev` is for production: FILE.clean has it.
awk '/^# Dev/ {exit} {print}' "$1" >"$1.clean"
