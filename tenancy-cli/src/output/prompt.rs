//! Questions: only where somebody can answer them.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use tenancy::names::TenantId;

use super::exit::Exit;
use super::failure::Failure;

/// Whether there is somebody to ask.
fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Lets the id of what is destroyed be given twice: typed on a terminal, or by `--confirm`.
pub(crate) fn confirm_id(id: &TenantId, given: Option<&str>, warning: &str) -> Result<(), Failure> {
    if let Some(given) = given {
        return if given == id.as_str() {
            Ok(())
        } else {
            let message = format!("`--confirm` names another tenant than `{id}`: nothing was changed");
            Err(Failure {
                exit: Exit::Usage,
                ..Failure::new("wrong_confirmation", message)
            }
            .advise(format!("give `--confirm {id}`")))
        };
    }
    if !has_terminal() {
        let message = format!("{warning}, and there is no terminal to confirm it on: nothing was changed");
        return Err(Failure {
            exit: Exit::Usage,
            ..Failure::new("confirmation_required", message)
        }
        .advise(format!("give `--confirm {id}`")));
    }
    let typed = ask(&format!("{warning}.\nType its id to go on: "))?;
    if typed == id.as_str() {
        Ok(())
    } else {
        Err(Failure::new(
            "not_confirmed",
            format!("what was typed is not `{id}`: nothing was changed"),
        )
        .advise("give the command again, and type the id"))
    }
}

/// Asks before many are changed.
pub(crate) fn confirm_many(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !has_terminal() {
        let message = format!("{question}: there is no terminal to confirm it on, and nothing was changed");
        return Err(Failure {
            exit: Exit::Usage,
            ..Failure::new("confirmation_required", message)
        }
        .advise("give `--yes`, or look first with `--dry-run`"));
    }
    let typed = ask(&format!("{question}? [y/N] "))?;
    if matches!(typed.to_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::new("not_confirmed", "nothing was changed").advise("answer `y` to go on"))
    }
}

fn ask(question: &str) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::new("terminal", format!("failed to ask: {error}"));
    let mut stderr = io::stderr();
    stderr.write_all(question.as_bytes()).map_err(failed)?;
    stderr.flush().map_err(failed)?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(line.trim().to_owned())
}
