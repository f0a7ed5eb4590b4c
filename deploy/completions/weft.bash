# SPDX-License-Identifier: Apache-2.0
# bash completion for weft
_weft() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local commands="status ps spans traces trace top attach detach doctor record replay policy sampling completion"
  local command= word value=
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ -z $value ]] || { value=; continue; }
    case $word in -o | --output | --socket) value=next ;; -*) ;; *) command=$word; break ;; esac
  done
  COMPREPLY=()
  case $previous in
    -o | --output) COMPREPLY=($(compgen -W "table json yaml" -- "$current")); return ;;
    --socket | --config | --file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --kind) COMPREPLY=($(compgen -W "server client internal producer consumer" -- "$current")); return ;;
    --service | --namespace | --environment | --path | --percent | --for | --trace | --min-duration | --interval | --duration | -n) return ;;
  esac
  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W "$commands -o --output --socket --help --version" -- "$current"))
    return
  fi
  local options="--help"
  case $command in
    status | trace | doctor) options+=" -o --output --socket" ;;
    ps) options+=" -o --output --socket --all" ;;
    spans) options+=" -o --output --socket -f --follow --open --service --trace --kind --error -n" ;;
    traces) options+=" -o --output --socket --service --min-duration --error -n" ;;
    top) options+=" -o --output --socket -n --interval --once" ;;
    record) options+=" --socket --force --duration" ;;
    replay) options+=" -o --output --config" ;;
    attach | detach) options+=" -o --output --socket" ;;
    policy)
      local action=
      for word in "${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
        case $word in show | check | apply | test | shadow | diff) action=$word; break ;; esac
      done
      case $action in
        "") options+=" show check apply test shadow diff" ;;
        show | diff | apply) options+=" -o --output --socket" ;;
        check) options+=" -o --output" ;;
        test) options+=" -o --output --socket --service --namespace --environment --path --percent --file" ;;
        shadow) options+=" -o --output --socket --for --end" ;;
      esac
      case $action in
        check | apply | shadow)
          [[ $current == -* ]] || { COMPREPLY=($(compgen -f -- "$current")); return; } ;;
      esac ;;
    sampling) options+=" show set -o --output --socket --service" ;;
    completion) options+=" bash zsh fish" ;;
  esac
  case $command in
    attach | detach)
      [[ $current == -* ]] || { COMPREPLY=($(compgen -W "$(cd /proc && printf '%s ' [0-9]*)" -- "$current")); return; } ;;
    record | replay)
      [[ $current == -* ]] || { COMPREPLY=($(compgen -f -- "$current")); return; } ;;
  esac
  COMPREPLY=($(compgen -W "$options" -- "$current"))
}
complete -o filenames -F _weft weft
