//! Whether a trunk answers: OPTIONS to it, again and again (RFC 3261 section 11). One that does not is down: no call is
//! placed by it until it is back. It knows no calls.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Method, Response};
use tracing::{info, warn};

use super::registration::Standing;
use crate::sip::core::Core;
use crate::sip::{Event, Trunk, message};

/// How long an answer may take: five sendings.
const PATIENCE: Duration = Duration::from_secs(8);
/// One that is down is asked so often, where it is not to be asked more often anyway.
const DOWN: Duration = Duration::from_secs(10);

pub(in crate::sip) async fn keep_alive(core: Arc<Core>, trunk: Trunk) {
    let Some(interval) = trunk.keep_alive else { return };
    let standing = Standing::new(trunk.clone());
    loop {
        let answer = standing.ask(&core, Method::Options, None, PATIENCE).await;
        let ill = why_ill(&answer.map(|answer| answer.response));
        // The first answer is no news.
        let changed = core.lines.mark(&trunk, ill.clone());
        let name = trunk.name.clone();
        match (&ill, changed) {
            (Some(reason), true) => {
                warn!(
                    trunk = name,
                    reason, "the trunk does not answer: no calls are placed by it"
                );
                let reason = reason.clone();
                core.tell(Event::TrunkDown { trunk: name, reason }).await;
            }
            (None, true) => {
                info!(trunk = name, "the trunk answers again");
                core.tell(Event::TrunkUp { trunk: name }).await;
            }
            (_, false) => {}
        }
        let wait = if ill.is_some() { interval.min(DOWN) } else { interval };
        tokio::time::sleep(wait).await;
    }
}

/// Whatever is answered, it is there; but for what says that it can do nothing now.
fn why_ill(answer: &Result<Response, String>) -> Option<String> {
    match answer {
        // 408 is the library's word for no answer.
        Ok(response) if matches!(response.status_code.code(), 408 | 503 | 504) => {
            Some(format!("{} {}", response.status_code.code(), message::phrase(response)))
        }
        Ok(_) => None,
        Err(why) => Some(why.clone()),
    }
}
