# Read by bash before the command of every job.
set -euo pipefail

# Jobs find the package under src/: environments hold dependencies only.
CROSSGEN_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/../src" && pwd)
export PYTHONPATH="$CROSSGEN_SRC${PYTHONPATH:+:$PYTHONPATH}"

# logged LOG COMMAND...: run the command, everything it prints in the log. Then say what it wrote; if it failed, how the
# log ends and how to repeat the job by hand. Also right for a command that was killed and could say nothing itself.
logged() {
    local log=$1 status=0
    shift
    "$@" >"$log" 2>&1 || status=$?
    if ((status == 0)); then
        tail -n 1 "$log"
        return
    fi
    {
        printf -- '---- exit status %s; the end of %s:\n' "$status" "$log"
        tail -n 20 "$log"
        printf -- '---- to repeat this job by hand:\n'
        printf 'cd %q && PYTHONPATH=%q ' "$PWD" "$CROSSGEN_SRC"
        printf '%q ' "$@"
        printf '\n'
    } >&2
    return "$status"
}
