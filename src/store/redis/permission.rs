//! Whether the user may run what the store runs, asked when a connection is made.
//!
//! A user without one of the commands would be found out by the first call that needs it, which may
//! come at night. `ACL DRYRUN` would tell, but needs a permission of its own.

use redis::{Pipeline, Value};

use super::call::Verb;

/// Each command that the scripts run, on a key such as theirs. From 7.0 on the server is asked;
/// before, the commands are run: they leave nothing behind.
const PROBE: &str = "\
local key, denied = '{otpgate}probe', {}
for _, words in ipairs({{'TIME'}, {'RPUSH', key, ''}, {'LINDEX', key, 0}, {'LLEN', key},
    {'LRANGE', key, 0, 0}, {'PEXPIRE', key, 1000}, {'LPOP', key}, {'MGET', key},
    {'SET', key, '', 'XX', 'PX', 1000}, {'SETRANGE', key, 0, ''}}) do
  local allowed
  if redis.acl_check_cmd then
    allowed = redis.acl_check_cmd(unpack(words))
  else
    local answer = redis.pcall(unpack(words))
    local why = type(answer) == 'table' and answer.err or ''
    allowed = not (why:find('NOPERM') or why:find('The user executing the script'))
  end
  if not allowed then denied[#denied + 1] = words[1] end
end
return table.concat(denied, ', ')";

/// No script has this digest, so that a server that permits the command answers `NOSCRIPT`.
const NOBODYS: &str = "0000000000000000000000000000000000000000";

/// Puts the questions at the end of what a new connection asks.
pub(super) fn ask(questions: &mut Pipeline) {
    questions.cmd("EVALSHA").arg(NOBODYS).arg(0);
    questions.cmd("EVAL").arg(PROBE).arg(0);
}

/// What the answers to all questions say is not allowed; empty if nothing.
pub(super) fn denied(answers: &[Value]) -> String {
    let mut denied: Vec<&str> = Vec::new();
    // INFO, the scripts, and the two of `ask`, in their order.
    let names =
        ["INFO"].into_iter().chain(["SCRIPT LOAD"; Verb::ALL.len()]).chain(["EVALSHA", "EVAL"]);
    for (name, answer) in names.zip(answers) {
        let refused = matches!(answer, Value::ServerError(error) if error.code() == "NOPERM");
        if refused && !denied.contains(&name) {
            denied.push(name);
        }
    }
    if let Some(Value::BulkString(within)) = answers.last()
        && let Ok(within) = std::str::from_utf8(within)
        && !within.is_empty()
    {
        denied.push(within);
    }
    denied.join(", ")
}
