//! A flow as a row of operations: branches become jumps, so that a walk needs no more than a position.

use super::expression::Expression;
use super::next::Next;
use super::plan::{Action, Callback, Collect, Question, Record, Step, Ticket, ToolUse, Transfer};
use super::prompt::Prompt;

#[derive(Clone, Debug)]
pub(super) enum Op {
    Say {
        prompt: Prompt,
        bargein: Option<bool>,
    },
    Collect(Collect),
    Answer {
        question: Question,
        on_fail: Option<Next>,
    },
    Set {
        slot: String,
        value: Expression,
    },
    /// Goes to `otherwise` where the condition does not hold.
    Unless {
        condition: Expression,
        otherwise: usize,
    },
    Jump(usize),
    Switch {
        on: Expression,
        cases: Vec<(String, usize)>,
        default: usize,
    },
    GotoFlow(Next),
    RunFlow(String),
    Tool(ToolUse),
    Transfer(Transfer),
    Callback(Callback),
    Record(Record),
    Ticket(Ticket),
    Disposition(String),
    Hangup {
        say: Option<Prompt>,
    },
}

/// Jumps lead forward only, so a flow by itself always ends.
pub(super) fn compile(steps: &[Step]) -> Vec<Op> {
    let mut code = Vec::new();
    block(steps, &mut code);
    code
}

fn block(steps: &[Step], code: &mut Vec<Op>) {
    for step in steps {
        match step.action.clone() {
            Action::Say { prompt, bargein } => code.push(Op::Say { prompt, bargein }),
            Action::Collect(collect) => code.push(Op::Collect(collect)),
            Action::Answer { question, on_fail } => code.push(Op::Answer { question, on_fail }),
            Action::Set(values) => code.extend(values.into_iter().map(|(slot, value)| Op::Set { slot, value })),
            Action::If {
                condition,
                then,
                otherwise,
            } => {
                let at = code.len();
                code.push(Op::Jump(0));
                block(&then, code);
                let end = code.len();
                code.push(Op::Jump(0));
                code[at] = Op::Unless {
                    condition,
                    otherwise: code.len(),
                };
                block(&otherwise, code);
                code[end] = Op::Jump(code.len());
            }
            Action::Switch { on, cases, default } => {
                let at = code.len();
                code.push(Op::Jump(0));
                let (mut starts, mut ends) = (Vec::new(), Vec::new());
                for (value, steps) in cases {
                    starts.push((value, code.len()));
                    block(&steps, code);
                    ends.push(code.len());
                    code.push(Op::Jump(0));
                }
                code[at] = Op::Switch {
                    on,
                    cases: starts,
                    default: code.len(),
                };
                block(&default, code);
                let end = code.len();
                for jump in ends {
                    code[jump] = Op::Jump(end);
                }
            }
            Action::GotoFlow(flow) => code.push(Op::GotoFlow(flow)),
            Action::RunFlow(flow) => code.push(Op::RunFlow(flow)),
            Action::Tool(tool) => code.push(Op::Tool(tool)),
            Action::Transfer(transfer) => code.push(Op::Transfer(transfer)),
            Action::Callback(callback) => code.push(Op::Callback(callback)),
            Action::Record(record) => code.push(Op::Record(record)),
            Action::Ticket(ticket) => code.push(Op::Ticket(ticket)),
            Action::Disposition(disposition) => code.push(Op::Disposition(disposition)),
            Action::Hangup { say } => code.push(Op::Hangup { say }),
        }
    }
}
