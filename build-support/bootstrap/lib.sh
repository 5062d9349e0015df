# shellcheck shell=bash
# Finds the machine's interpreters, has bootstrap.py set up what is missing, and gives the caller
# the settings that differ from machine to machine. `.pants.bootstrap` reads this file, for both
# our `./pants` and the official launcher.
#
# A warm start must cost a few milliseconds, so it runs no program: the settings of the last set-up
# are kept together with everything they were made from, and are used again while that is what it
# was.

: "${launcher_root:?the file that reads this one sets it}"

launcher_say() {
  printf './pants: %s\n' "$1" >&2
}

# What a candidate must be able to do. A shim or a link that cannot run fails here too, and so
# does an interpreter whose distribution packages venv apart. Prints the interpreter itself, not
# the virtual environment that it may be seen through: that may be gone tomorrow.
launcher_proof='
import sys
want = tuple(int(part) for part in sys.argv[1].split("."))
if sys.implementation.name != "cpython" or sys.version_info[:2] != want:
    sys.exit("is %s %s" % (sys.implementation.name, sys.version.split()[0]))
try:
    import ensurepip, ssl, venv
except ImportError as error:
    sys.exit("cannot import %s" % (error.name or error))
print(getattr(sys, "_base_executable", None) or sys.executable)
'

# launcher_prove VERSION CANDIDATE: sets launcher_python, or adds the reason to launcher_rejected.
launcher_prove() {
  local answer
  if answer=$("$2" -I -c "$launcher_proof" "$1" 2>&1 </dev/null); then
    launcher_python=${answer##*$'\n'}
    [[ $launcher_python != /* ]] || return 0
  fi
  launcher_rejected+="${launcher_rejected:+; }$2 ${answer%%$'\n'*}"
  return 1
}

# launcher_find_python VERSION VARIABLE: sets launcher_python to a CPython that works.
launcher_find_python() {
  local version=$1 variable=$2 candidate root
  launcher_rejected=
  if [[ -n ${!variable-} ]]; then
    launcher_prove "$version" "${!variable}" && return 0
    launcher_say "$variable does not name a usable CPython $version
  where: the environment variable $variable
  value: ${!variable} (${launcher_rejected#"${!variable} "})
  fix:   name a CPython $version that has ssl, venv and ensurepip, or unset $variable"
    return 1
  fi
  while IFS= read -r candidate; do
    launcher_prove "$version" "$candidate" && return 0
  done < <(type -aP "python$version" python3 2>/dev/null | awk '!seen[$0]++')
  if root=${PYENV_ROOT:-$(pyenv root 2>/dev/null)} || root=${HOME:+$HOME/.pyenv}; then
    while IFS= read -r candidate; do
      [[ -x $candidate ]] && launcher_prove "$version" "$candidate" && return 0
    done < <(printf '%s\n' "$root/versions/$version".*/bin/"python$version" | sort -rV)
  fi
  if candidate=$(UV_PYTHON_DOWNLOADS=never uv python find --no-project "$version" 2>/dev/null); then
    launcher_prove "$version" "$candidate" && return 0
  fi
  launcher_say "no usable CPython $version on this machine
  where: $variable (not set), PATH, pyenv and uv were searched
  value: ${launcher_rejected:-no candidate}
  fix:   install it with one of
           apt-get install python$version python$version-venv   (where the release has it)
           pyenv install $version
           uv python install $version
         or set $variable to one that has ssl, venv and ensurepip"
  return 1
}

# Sets launcher_state: where everything that is set up lives. Deleting it is always safe.
launcher_find_state() {
  local wanted=
  if [[ -n ${QINGKONG_BUILD_CACHE-} ]]; then
    wanted=$QINGKONG_BUILD_CACHE
    [[ $wanted == /* ]] || wanted=$launcher_root/$wanted
  elif [[ ${XDG_CACHE_HOME-} == /* ]]; then
    wanted=$XDG_CACHE_HOME/qingkong-build
  elif [[ -n ${HOME-} ]]; then
    wanted=$HOME/.cache/qingkong-build
  fi
  if [[ -n $wanted ]]; then
    [[ -d $wanted ]] || mkdir -p "$wanted" 2>/dev/null || :
    if [[ -d $wanted && -w $wanted ]]; then
      launcher_state=$wanted
      return 0
    fi
    if [[ -n ${QINGKONG_BUILD_CACHE-} ]]; then
      launcher_say "the build cache cannot be written to
  where: the environment variable QINGKONG_BUILD_CACHE
  value: $wanted
  fix:   name a directory that you may write, or unset it"
      return 1
    fi
  fi
  launcher_state=$launcher_root/.cache/bootstrap
  if [[ ! -d $launcher_state ]]; then
    mkdir -p "$launcher_state" 2>/dev/null || {
      launcher_say "there is no place to set up in
  where: ${wanted:-HOME, which is not set}, and $launcher_state
  value: neither can be written to
  fix:   name a directory that you may write: QINGKONG_BUILD_CACHE"
      return 1
    }
    launcher_say "${wanted:-a cache in HOME, which is not set,} cannot be written to: using $launcher_state"
  fi
}

# The state of Pants and of its daemon is in ours where the repository cannot be written to. Results
# are not: Pants writes them in the repository only.
launcher_leave_repository() {
  local name option place=$launcher_state/repositories/${launcher_clone:?}
  for name in .pants.d=WORKDIR .pids=SUBPROCESSDIR; do
    option=PANTS_${name#*=}
    name=${name%%=*}
    [[ -z ${!option+set} && ! -w $launcher_root/$name ]] || continue
    [[ -e $launcher_root/$name || ! -w $launcher_root ]] || continue
    export "$option=$place/$name"
  done
}

# launcher_read_inputs WORD...: sets launcher_inputs to what the settings are made from, word for
# word, but for the files that bootstrap knows of (`watch` in the settings). Contents and not times
# are compared: a checkout or a restored cache may bring back older files.
launcher_read_inputs() {
  local name file text
  launcher_inputs="$launcher_root"$'\n'"$launcher_state"$'\n'
  for name in "$@"; do
    [[ $name != --pants-config-files=* ]] || launcher_inputs+=$name$'\n'
  done
  for name in HOME XDG_CACHE_HOME XDG_CONFIG_HOME XDG_CONFIG_DIRS QINGKONG_BUILD_CACHE \
    PANTS_PYTHON39 PANTS_PYTHON312 NETRC \
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE \
    http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY \
    PANTS_CONFIG_FILES PANTS_PYTHON_REPOS_PATH_MAPPINGS PANTS_PEX_CLI_URL_TEMPLATE \
    PANTS_LOCAL_STORE_DIR PANTS_NAMED_CACHES_DIR \
    PANTS_SHELLCHECK_URL_TEMPLATE PANTS_SHFMT_URL_TEMPLATE "${!PIP_@}"; do
    launcher_inputs+="$name=${!name-}"$'\n'
  done
  for file in "$launcher_root"/build-support/bootstrap/*.{sh,py,txt} "$launcher_root"/pants*.toml; do
    text=
    [[ ! -r $file ]] || IFS= read -r -d '' text <"$file" || :
    launcher_inputs+="$file"$'\n'"$text"
  done
}

# launcher_read_settings FILE: takes over the settings of the last set-up, if they were made from
# launcher_inputs and no file that they depend on has changed. The file is data: nothing of it is
# run, and only names that are expected here are set.
launcher_read_settings() {
  local text name file content place=0 complete=
  launcher_exports=()
  [[ -r $1 ]] || return 1
  while IFS= read -r -d '' text; do
    place=$((place + 1))
    if ((place == 1)); then
      [[ $text == qingkong-launcher-settings-1 ]] || return 1
      continue
    elif ((place == 2)); then
      [[ $text == "$launcher_inputs" ]] || return 1
      continue
    fi
    case $text in
      'set launcher_'*=*)
        name=${text#set }
        name=${name%%=*}
        case $name in
          launcher_client | launcher_server | launcher_needed | launcher_lint_files | launcher_lint_words)
            printf -v "$name" '%s' "${text#*=}"
            ;;
          *) return 1 ;;
        esac
        ;;
      'export '*=*) launcher_exports+=("${text#export }") ;;
      'watch /'*)
        file=${text#watch }
        file=${file%%$'\n'*}
        content=
        [[ ! -f $file || ! -r $file ]] || IFS= read -r -d '' content <"$file" || :
        [[ $content == "${text#*$'\n'}" ]] || return 1
        ;;
      end) complete=yes ;;
      *) return 1 ;;
    esac
  done <"$1"
  [[ -n $complete ]]
}

# Gives Pants what it has to be told. What the user has set is left as it is.
launcher_export() {
  local pair name
  for pair in ${launcher_exports[@]+"${launcher_exports[@]}"}; do
    name=${pair%%=*}
    if [[ $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ && -z ${!name+set} ]]; then
      export "$name=${pair#*=}"
    fi
  done
}

# launcher_ready WORD...: is every file there that this command line needs?
launcher_ready() {
  local needed=${launcher_needed:?} file word
  for word in "$@"; do
    [[ " ${launcher_lint_words:?} " != *" $word "* ]] || needed+=$'\n'${launcher_lint_files?}
  done
  while IFS= read -r file; do
    [[ -z $file || -e $file ]] || return 1
  done <<<"$needed"
}

# launcher_bootstrap WORD...: exports the settings for Pants and sets launcher_client and
# launcher_server. The words are the command line.
launcher_bootstrap() {
  local saved python39 python312
  launcher_find_state || return
  # One file for each clone, with the end of its path for a name.
  launcher_clone=${launcher_root//\//%}
  ((${#launcher_clone} <= 200)) || launcher_clone=${launcher_clone:$((${#launcher_clone} - 200))}
  saved=$launcher_state/private/settings-$launcher_clone
  launcher_read_inputs "$@"
  if ! { launcher_read_settings "$saved" && launcher_ready "$@"; }; then
    launcher_find_python 3.9 PANTS_PYTHON39 || return
    python39=$launcher_python
    launcher_find_python 3.12 PANTS_PYTHON312 || return
    python312=$launcher_python
    "$python312" -I -S -B "$launcher_root/build-support/bootstrap" \
      --root "$launcher_root" --state "$launcher_state" --settings "$saved" \
      --python39 "$python39" --python312 "$python312" -- "$@" < <(printf '%s' "$launcher_inputs") || return
    if ! launcher_read_settings "$saved"; then
      launcher_say "the settings of this start were changed while it was setting up: start again"
      return 1
    fi
  fi
  launcher_export
  launcher_leave_repository
}

# The base image that was made on this machine, if any: build-support writes its name there.
launcher_base_image() {
  local image='' file="$launcher_root/.cache/base-image"
  [[ -r $file && -z ${PANTS_IMAGE_ASSEMBLY_BASE+set} ]] || return 0
  IFS= read -r image <"$file" || :
  if [[ $image =~ ^[A-Za-z0-9][A-Za-z0-9._/:@-]*$ ]]; then
    export PANTS_IMAGE_ASSEMBLY_BASE=$image
  elif [[ -n $image ]]; then
    launcher_say "the base image's name is not a reference
  where: $file
  value: $image
  fix:   make the base image again, or remove that file"
    return 1
  fi
}
