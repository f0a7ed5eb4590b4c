# SPDX-License-Identifier: Apache-2.0
# fish completion for weft
function __weft_needs_command
    not __fish_seen_subcommand_from status ps spans traces trace top attach detach doctor record replay policy sampling completion
end

complete -c weft -f
complete -c weft -l help -d 'help'
complete -c weft -n __weft_needs_command -l version -d 'version'
complete -c weft -n __weft_needs_command -a status -d 'how the agent is'
complete -c weft -n __weft_needs_command -a ps -d 'selected processes, traced or not and why'
complete -c weft -n __weft_needs_command -a spans -d 'recent or live spans'
complete -c weft -n __weft_needs_command -a traces -d 'recent traces'
complete -c weft -n __weft_needs_command -a trace -d 'one trace as a waterfall'
complete -c weft -n __weft_needs_command -a top -d 'routes by rate'
complete -c weft -n __weft_needs_command -a attach -d 'trace a running process'
complete -c weft -n __weft_needs_command -a detach -d 'stop tracing a process'
complete -c weft -n __weft_needs_command -a doctor -d 'what this kernel allows'
complete -c weft -n __weft_needs_command -a record -d 'kernel events to a file'
complete -c weft -n __weft_needs_command -a replay -d 'a recording through the pipeline'
complete -c weft -n __weft_needs_command -a policy -d 'the baggage policy'
complete -c weft -n __weft_needs_command -a sampling -d 'which share of new traces is recorded'
complete -c weft -n __weft_needs_command -a completion -d 'completion for your shell'

complete -c weft -n 'not __fish_seen_subcommand_from completion record' -s o -l output -xa 'table json yaml' -d 'format'
complete -c weft -n 'not __fish_seen_subcommand_from completion replay check' -l socket -r -F -d 'control socket'
complete -c weft -n '__fish_seen_subcommand_from ps' -l all -d 'also those that nothing selects'
complete -c weft -n '__fish_seen_subcommand_from spans' -s f -l follow -d 'live'
complete -c weft -n '__fish_seen_subcommand_from spans' -l open -d 'not over yet'
complete -c weft -n '__fish_seen_subcommand_from spans' -l trace -x -d 'only of this trace'
complete -c weft -n '__fish_seen_subcommand_from spans' -l kind -xa 'server client internal producer consumer' -d 'kind'
complete -c weft -n '__fish_seen_subcommand_from spans traces sampling' -l service -x -d 'service.name'
complete -c weft -n '__fish_seen_subcommand_from spans traces' -l error -d 'only with errors'
complete -c weft -n '__fish_seen_subcommand_from spans traces top' -s n -x -d 'how many'
complete -c weft -n '__fish_seen_subcommand_from traces' -l min-duration -x -d 'at least this long'
complete -c weft -n '__fish_seen_subcommand_from top' -l interval -x -d 'pause between two looks'
complete -c weft -n '__fish_seen_subcommand_from top' -l once -d 'one look'
complete -c weft -n '__fish_seen_subcommand_from record' -l force -d 'replace the file'
complete -c weft -n '__fish_seen_subcommand_from record' -l duration -x -d 'end after this long'
complete -c weft -n '__fish_seen_subcommand_from replay' -l config -r -F -d 'configuration'
complete -c weft -n '__fish_seen_subcommand_from record replay' -F
complete -c weft -n '__fish_seen_subcommand_from attach detach' -a '(__fish_complete_pids)'
complete -c weft -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
complete -c weft -n '__fish_seen_subcommand_from policy; and not __fish_seen_subcommand_from show check apply test shadow diff' -a 'show check apply test shadow diff'
complete -c weft -n '__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from check apply shadow' -F
complete -c weft -n '__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from shadow' -l for -x -d 'ends by itself after this long'
complete -c weft -n '__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from shadow' -l end -d 'ends the trial that runs'
complete -c weft -n '__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from test' -l service -x -d 'service.name'
complete -c weft -n '__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from test' -l namespace -x -d 'namespace'
complete -c weft -n '__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from test' -l environment -x -d 'environment'
complete -c weft -n '__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from test' -l path -x -d 'path of the request'
complete -c weft -n '__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from test' -l percent -x -d 'where the trace lies'
complete -c weft -n '__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from test' -l file -r -F -d 'a policy that is not in force'
complete -c weft -n '__fish_seen_subcommand_from sampling' -a 'show set'
