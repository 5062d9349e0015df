# shellcheck shell=bash
# The container engine: found, and started where it can be.

# Where daemons are, which is not on every user's PATH.
sbin=${SETUP_SBIN:-/usr/sbin:/sbin}

has_daemon() {
  PATH=$PATH:$sbin command -v "$1" >/dev/null 2>&1
}

engine_daemon() {
  PATH=$PATH:$sbin command -v dockerd
}

engine_answers() {
  # In the foreground: it has to hear of Ctrl-C.
  timeout --foreground 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# Any Python will do.
engine_python() {
  if has python3 && python3 -I -S -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    echo python3
  else
    find_python 3.12 || find_python 3.9
  fi
}

# engine_choose: sets engine_choice to the engine that ./pants uses, which answers the question
# (pants-plugins/qingkong_build/oci/engine), and exports what the `docker` client needs to use it, too.
# Fails where there is none, or a setting is wrong: engine_problem says which.
engine_choice=
engine_problem=
engine_choose() {
  local program python answer line
  program=$(in_repo pants-plugins/qingkong_build/oci/engine/address.py)
  # Without a Python the client finds its engine alone; Python is installed after the engine.
  [[ -r $program ]] && python=$(engine_python) || return 0
  if ! answer=$("$python" -I -S -B "$program" "${SETUP_DOCKER_SOCKET:-/var/run/docker.sock}" 2>&1); then
    engine_problem=$answer
    return 1
  fi
  engine_choice=${answer%%$'\n'*}
  while IFS= read -r line; do
    case $line in
      DOCKER_HOST=*) export DOCKER_HOST=${line#*=} ;;
    esac
  done <<<"${answer#"$engine_choice"}"
}

# Is it the user's choice, so that no other will do?
engine_is_chosen() {
  [[ -n ${DOCKER_HOST:-} || $engine_choice == *'(context '* || $engine_problem == *context=* ]]
}

# A client alone is not an engine: many machines have one for a remote engine that they do not reach.
engine_is_here() {
  has docker || return 1
  [[ -n ${DOCKER_HOST:-} ]] || engine_daemon >/dev/null || engine_answers ||
    { engine_choose && engine_answers; }
}

engine_is_running() {
  has pgrep && pgrep -x dockerd >/dev/null
}

# What the engine said last, for a failure to start.
engine_last_lines() {
  if [[ -d /run/systemd/system ]]; then
    journalctl -u docker -n 15 --no-pager
  else
    tail -n 15 "$1"
  fi >&2 || true
}

engine_start() {
  local log=${DOCKERD_LOG:-/var/log/dockerd.log} dockerd pid='' tries
  if [[ -d /run/systemd/system ]]; then
    say "starting the container engine"
    systemctl start docker || {
      engine_last_lines "$log"
      fail "the container engine did not start; its last lines are above."
    }
  elif ! engine_is_running; then
    dockerd=$(engine_daemon) ||
      fail "there is a docker client but no dockerd: install docker.io, or set DOCKER_HOST."
    say "starting the container engine ($log)"
    PATH=$PATH:$sbin setsid nohup "$dockerd" >"$log" 2>&1 </dev/null &
    pid=$!
  fi
  for ((tries = 0; tries < 120; tries++)); do
    if engine_answers; then
      return 0
    elif [[ -n $pid ]] && ! kill -0 "$pid" 2>/dev/null; then
      break
    fi
    sleep 0.5
  done
  engine_last_lines "$log"
  fail "the container engine did not become ready; its last lines are above."
}

# The client is here. Make sure that an engine answers it.
engine_ready() {
  local named=${DOCKER_HOST:+DOCKER_HOST=$DOCKER_HOST}
  engine_choose || ! engine_is_chosen || fail "$engine_problem"
  if engine_answers; then
    return 0
  fi
  if engine_is_chosen; then
    fail "no container engine answers at ${named:-$engine_choice} within 10 s." \
      "Fix: start it, or choose another with DOCKER_HOST or 'docker context use'."
  fi
  if is_root; then
    engine_start
  elif [[ -S /var/run/docker.sock ]]; then
    fail "this user may not use the container engine. Run, as an administrator:" \
      "  usermod -aG docker $(id -un)    # then log in again" \
      "or, if it is not running: systemctl start docker"
  else
    fail "the container engine is not running. Run, as an administrator: systemctl start docker"
  fi
}
