//! A tool on its way, for the call that uses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::dialplan::{Plan, ToolCall, Value};
use crate::tools::Toolbox;

/// A tool under way; dropping it gives up one that only reads.
pub(super) struct Using(#[expect(dead_code, reason = "held for its drop")] AbortOnDropHandle<()>);

/// Carries `call` out by `plan`, and gives what came of it to `done`.
#[expect(
    clippy::disallowed_methods,
    reason = "the task is owned by the handle that is returned"
)]
pub(super) fn use_tool(
    toolbox: Arc<Toolbox>,
    plan: Arc<Plan>,
    call: ToolCall,
    done: impl FnOnce(Result<BTreeMap<String, Value>, String>) + Send + 'static,
) -> Using {
    Using(AbortOnDropHandle::new(tokio::spawn(async move {
        done(run(&toolbox, &plan, &call).await);
    })))
}

/// What came of `call`, or why nothing did.
pub(super) async fn run(toolbox: &Toolbox, plan: &Plan, call: &ToolCall) -> Result<BTreeMap<String, Value>, String> {
    let tool = plan.tools.get(&call.tool);
    let tool = tool.ok_or_else(|| format!("the plan has no tool `{}`", call.tool))?;
    toolbox.run(tool, call).await.map_err(|e| e.to_string())
}
