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
  timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# A rootless Docker or Podman socket is used by exporting DOCKER_HOST for what comes after.
engine_elsewhere() {
  [[ -z ${DOCKER_HOST:-} ]] || return 1
  local socket
  for socket in "${XDG_RUNTIME_DIR:-/nonexistent}"/{docker.sock,podman/podman.sock} \
    /run/podman/podman.sock; do
    if [[ -S $socket && -w $socket ]] && DOCKER_HOST=unix://$socket engine_answers; then
      export DOCKER_HOST=unix://$socket
      return 0
    fi
  done
  return 1
}

# A client alone is not an engine: many machines have one for a remote engine that they do not reach.
engine_is_here() {
  has docker || return 1
  [[ -n ${DOCKER_HOST:-} ]] || engine_daemon >/dev/null || engine_answers || engine_elsewhere
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
  if engine_answers || engine_elsewhere; then
    return 0
  fi
  if [[ -n ${DOCKER_HOST:-} ]]; then
    fail "no container engine answers at DOCKER_HOST=$DOCKER_HOST."
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
