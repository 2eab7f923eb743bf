//! What callers of the shipped plans say, and what it is taken for.

mod correcting;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::{DateTime, date};

use super::{Grounded, Moment};
use crate::dialogue::knowledge::Knowledge;
use crate::dialplan::{Command, Expect, Facts, Order, Outcome, Plan, Value, Walk, load};
use crate::language::Language::{self, English, Mandarin};

fn now() -> DateTime {
    date(2026, 11, 21).at(10, 0, 0, 0)
}

/// A shipped plan and its understanding.
fn shipped(name: &str, assistant: &str, language: Language) -> (Plan, Grounded) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplans").join(name);
    let plan = load(&path).unwrap_or_else(|problems| panic!("{problems:?}"));
    let sources = plan.knowledge.values().flat_map(|base| &base.sources);
    let documents: Vec<(String, String)> = sources
        .map(|source| {
            let name = source
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            (
                name,
                std::fs::read_to_string(source).unwrap_or_else(|error| panic!("{}: {error}", source.display())),
            )
        })
        .collect();
    let grounded = Grounded::new(&plan, assistant, language, Arc::new(Knowledge::build(documents)), None);
    (plan, grounded)
}

/// Commands in short: a flow's name, `slot=value`, `?anchor` of an answer.
fn short(commands: &[Command]) -> String {
    let one = |command: &Command| match command {
        Command::StartFlow(flow) => flow.clone(),
        Command::Set { slot, value } => format!("{slot}={value}"),
        Command::Affirm => "yes".to_owned(),
        Command::Deny => "no".to_owned(),
        Command::Cancel => "cancel".to_owned(),
        Command::Answer { source, .. } => format!("?{}", source.split('#').nth(1).unwrap_or_default()),
        Command::Clarify { flows } => flows.join("|"),
        Command::Repeat => "repeat".to_owned(),
        Command::HandOver => "person".to_owned(),
        Command::Goodbye => "goodbye".to_owned(),
        Command::OutOfScope => "stray".to_owned(),
    };
    if commands.is_empty() {
        "-".to_owned()
    } else {
        commands.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

fn check(grounded: &Grounded, expect: &Expect, flow: Option<&str>, rows: &[(&str, &str)]) {
    check_after(grounded, expect, flow, (&BTreeMap::new(), &[]), rows);
}

/// As [`check`], after the caller has told some values, or was offered two flows.
fn check_after(
    grounded: &Grounded,
    expect: &Expect,
    flow: Option<&str>,
    (told, offered): (&BTreeMap<String, Value>, &[String]),
    rows: &[(&str, &str)],
) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(words, wanted)| {
            let got = short(&grounded.understand(
                words,
                Moment {
                    expect,
                    flow,
                    now: now(),
                    told,
                    offered,
                },
            ));
            // "a/b": either will do; of a passage's anchor the beginning.
            let right = |wanted: &str| wanted == got || (wanted.starts_with('?') && got.starts_with(wanted));
            (!wanted.split('/').any(right)).then(|| format!("{words:?}: {got}, not {wanted}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

fn slot(plan: &Plan, name: &str) -> Expect {
    Expect::Slot(plan.slots[name].clone())
}

#[test]
fn examples_of_the_shipped_plans_choose_their_flows() {
    for (name, assistant, language) in [
        ("support.yaml", "mia", English),
        ("support-zh.yaml", "xiaomei", Mandarin),
        ("appointment.yaml", "ida", English),
        ("reminder.yaml", "leo", English),
    ] {
        let (plan, grounded) = shipped(name, assistant, language);
        for flow in &plan.flows {
            for example in &flow.examples {
                let moment = Moment {
                    expect: &Expect::Anything,
                    flow: None,
                    now: now(),
                    told: &BTreeMap::new(),
                    offered: &[],
                };
                let got = grounded.understand(example, moment);
                let person = flow.name == "human" && got == [Command::HandOver];
                assert!(
                    person || got.first() == Some(&Command::StartFlow(flow.name.clone())),
                    "{example}: {}",
                    short(&got)
                );
            }
        }
    }
}

#[test]
fn a_ramble_that_ends_with_goodbye_is_one() {
    let (_, grounded) = shipped("appointment.yaml", "ida", English);
    let rows = [
        (
            "Let me see. I had it here a minute ago. Right. No. Thank you. Goodbye.",
            "goodbye",
        ),
        ("I want to cancel my appointment. Goodbye.", "cancel_appointment"),
    ];
    check(&grounded, &Expect::Anything, None, &rows);
}

/// What Whisper has written for the voice on the telephone.
#[test]
fn mandarin_is_understood_by_its_sound() {
    let (_, grounded) = shipped("support-zh.yaml", "xiaomei", Mandarin);
    let rows = [
        ("我想才以下我的快弟。", "order_status"),
        ("我要窄人公克服", "human"),
        ("你好帮我查以下定单。", "order_status"),
    ];
    check(&grounded, &Expect::Anything, None, &rows);
}

#[test]
fn who_does_not_want_to_go_on_says_so() {
    let (plan, grounded) = shipped("support.yaml", "mia", English);
    let number = slot(&plan, "order_id");
    let rows = [
        ("never mind", "cancel"),
        ("oh, forget it", "cancel"),
        ("never mind the dog, one two", "-"),
    ];
    check(&grounded, &number, Some("order_status"), &rows);
    let (plan, grounded) = shipped("support-zh.yaml", "xiaomei", Mandarin);
    let number = slot(&plan, "order_id");
    check(&grounded, &number, Some("order_status"), &[("算了，不查了", "cancel")]);
}

#[test]
fn wishes_in_english() {
    let (_, grounded) = shipped("support.yaml", "mia", English);
    check(
        &grounded,
        &Expect::Anything,
        None,
        &[
            ("where's my order", "order_status"),
            ("Um, hi, I wanted to know where my package is.", "order_status"),
            ("my order hasn't come yet", "order_status"),
            ("I'm still waiting for my delivery", "order_status"),
            ("can you track my parcel", "order_status"),
            ("what's the status of my order", "order_status"),
            ("I'd like to check on an order", "order_status"),
            ("has my order been shipped", "order_status"),
            ("I want to return a jacket", "return_item"),
            ("I need to send something back", "return_item"),
            ("can I give this back", "return_item"),
            (
                "I bought shoes and they are too small, I want to return them",
                "return_item reason=changed_mind",
            ),
            ("the lamp I bought is broken", "return_item reason=damaged"),
            ("you sent me the wrong size", "return_item reason=wrong_item"),
            ("when do you open", "opening_hours"),
            ("what are your hours", "opening_hours"),
            ("are you open tomorrow", "opening_hours/?when-are-you-open"),
            ("what time do you close", "opening_hours"),
            ("I want to speak to someone", "person"),
            ("let me talk to a human being", "person"),
            ("agent", "person"),
            ("I want to complain", "human"),
            ("goodbye", "goodbye"),
            ("that's all, thank you", "goodbye"),
            ("no thanks", "no"),
            ("yes please", "yes"),
            ("can you say that again", "repeat"),
            ("hello?", "-"),
            ("um", "-"),
        ],
    );
}

#[test]
fn questions_in_english() {
    let (_, grounded) = shipped("support.yaml", "mia", English);
    check(
        &grounded,
        &Expect::Anything,
        None,
        &[
            ("how long does delivery take", "?how-long-does-delivery-take"),
            ("how much is shipping", "?how-much-does-shipping-cost"),
            ("what does shipping cost", "?how-much-does-shipping-cost"),
            ("do you deliver to other countries", "?do-you-deliver-abroad"),
            ("do you ship abroad", "?do-you-deliver-abroad"),
            (
                "how long do I have to return something",
                "?how-long-do-i-have-to-return-something",
            ),
            ("how do I return an item", "?how-do-i-return-an-item"),
            ("how long does a refund take", "?how-long-does-a-refund-take"),
            ("when do I get my money back", "?how-long-does-a-refund-take"),
            ("can I pay by credit card", "?how-can-i-pay"),
            ("how can I pay", "?how-can-i-pay"),
            (
                "Well, you see, my daughter told me that I should give you a call. So here I am. How can I pay for my order?",
                "?how-can-i-pay",
            ),
            ("where is my invoice", "?where-do-i-get-an-invoice"),
            ("can I change my delivery address", "?can-i-change-the-delivery-address"),
            ("I want to cancel my order", "?can-i-cancel-my-order"),
            ("do you have gift cards", "?do-you-sell-gift-cards"),
            ("how long is the warranty", "?how-long-is-the-warranty"),
            ("where is your shop", "?where-is-your-shop"),
            ("what's your email address", "?what-is-your-e"),
            (
                "can I exchange it for another size",
                "?can-i-exchange-an-item-for-another-size-or-colour",
            ),
            ("who won the world cup", "stray"),
            ("what's the weather like tomorrow", "stray"),
            ("tell me a joke", "stray"),
            ("how tall is Mount Everest", "stray"),
            ("play some jazz music", "stray"),
            ("how do vaccines work", "stray"),
            ("is there life on Mars", "stray"),
            ("my grandmother is ninety years old", "stray"),
        ],
    );
}

#[test]
fn answers_to_a_question_in_english() {
    let (plan, grounded) = shipped("support.yaml", "mia", English);
    check(
        &grounded,
        &slot(&plan, "order_id"),
        Some("order_status"),
        &[
            ("one two three four five six seven eight", "order_id=12345678"),
            ("it's 1234 5678", "order_id=12345678"),
            ("I want to return something instead", "return_item"),
            ("actually, what are your opening hours", "opening_hours"),
            ("let me talk to a person", "person"),
            ("can you repeat that", "repeat"),
            ("I don't have it with me", "-"),
            ("one two three", "-"),
            ("how long does delivery take", "?how-long-does-delivery-take"),
            ("yes", "-"),
        ],
    );
    check(
        &grounded,
        &slot(&plan, "reason"),
        Some("return_item"),
        &[
            ("it's broken", "reason=damaged"),
            ("you sent the wrong one", "reason=wrong_item"),
            ("I just don't like it", "reason=changed_mind"),
            ("not broken, the wrong size", "reason=wrong_item"),
            ("where is my other order", "order_status"),
            ("I'm not telling", "-"),
        ],
    );
    check(
        &grounded,
        &Expect::Confirm,
        Some("order_status"),
        &[
            ("yes", "yes"),
            ("that's right", "yes"),
            ("no", "no"),
            (
                "no, it's one two three four five six seven nine",
                "no order_id=12345679",
            ),
            ("one two three four five six seven nine", "order_id=12345679"),
            ("no, I want to return something", "return_item"),
            ("what?", "repeat"),
            ("maybe", "-"),
        ],
    );
}

#[test]
fn wishes_in_mandarin() {
    let (_, grounded) = shipped("support-zh.yaml", "xiaomei", Mandarin);
    check(
        &grounded,
        &Expect::Anything,
        None,
        &[
            ("我的订单到哪里了", "order_status"),
            ("我的訂單到哪裡了", "order_status"),
            ("帮我看看我的快递到哪了", "order_status"),
            ("查一下我的包裹", "order_status"),
            ("我买的东西还没到", "order_status"),
            ("我要查订单", "order_status"),
            ("我要退货", "return_item"),
            ("我想把这个退了", "return_item"),
            ("买的鞋不合适想退", "return_item/return_item reason=changed_mind"),
            (
                "东西是坏的,我要退货",
                "return_item reason=damaged/?收到的东西坏了怎么办",
            ),
            ("你们发错了", "return_item reason=wrong_item"),
            ("请问你们几点关门", "opening_hours"),
            ("营业时间是几点到几点", "opening_hours"),
            ("周末开门吗", "opening_hours/?你们的营业时间是什么"),
            ("我想找人工客服", "person"),
            ("转人工", "person"),
            ("我要投诉你们", "human"),
            ("再见", "goodbye"),
            ("没有了,谢谢", "no"),
            ("谢谢", "no"),
            ("好的", "yes"),
            ("请再说一遍", "repeat"),
            ("喂", "-"),
            ("嗯", "yes"),
        ],
    );
}

#[test]
fn questions_in_mandarin() {
    let (plan, grounded) = shipped("support-zh.yaml", "xiaomei", Mandarin);
    check(
        &grounded,
        &Expect::Anything,
        None,
        &[
            ("送货要多长时间", "?送货要多久"),
            ("能寄到国外吗", "?可以寄到国外吗"),
            ("运费怎么算", "?运费是多少"),
            ("运费多少钱", "?运费是多少"),
            ("多久之内可以退货", "?多长时间之内可以退货"),
            ("怎么退货", "?怎么办理退货/return_item"),
            ("退款什么时候到账", "?退款要多久才能到账"),
            ("可以换颜色吗", "?可以换尺码或者换颜色吗"),
            ("可以用银行卡付款吗", "?可以怎么付款"),
            ("能开发票吗", "?怎么开发票"),
            ("我想改一下收货地址", "?可以修改收货地址吗"),
            ("我想取消订单", "?可以取消订单吗"),
            ("有没有礼品卡", "?有礼品卡卖吗"),
            ("保修多久", "?保修期是多长时间"),
            ("你们的店在哪里", "?你们的门店在哪里"),
            ("今天天气怎么样", "stray"),
            ("讲个笑话", "stray"),
            ("世界杯谁赢了", "stray"),
            ("法国总统是谁", "stray"),
            ("明天会下雨吗", "stray"),
        ],
    );
    check(
        &grounded,
        &slot(&plan, "order_id"),
        Some("order_status"),
        &[
            ("一二三四五六七八", "order_id=12345678"),
            ("我的订单号是幺二三四五六七八", "order_id=12345678"),
            ("我想退货", "return_item"),
            ("转人工", "person"),
            ("没听清", "repeat"),
            ("我没带", "-"),
        ],
    );
    check(
        &grounded,
        &Expect::Confirm,
        Some("order_status"),
        &[
            ("对", "yes"),
            ("不对", "no"),
            ("不对,是一二三四五六七九", "no order_id=12345679"),
            ("是的", "yes"),
            ("没错", "yes"),
        ],
    );
}

/// A whole call by words alone: what the caller says, and the flow that the call is in afterwards.
#[test]
fn a_call_goes_the_way_that_was_meant() {
    let (plan, grounded) = shipped("support.yaml", "mia", English);
    let plan = Arc::new(plan);
    let facts = Facts {
        at: jiff::Timestamp::UNIX_EPOCH,
        caller: Default::default(),
        call: Default::default(),
        queues: Default::default(),
    };
    let (mut walk, mut order) = Walk::enter(Arc::clone(&plan), "mia", "welcome", English, facts);
    let mut said = [
        "um, where is my order",
        "four four five six",
        "double four, double five, one two three four",
        "what?",
        "yes",
        "no, that's all, bye",
    ]
    .into_iter();
    for _ in 0..40 {
        order = match order {
            Order::Listen { expect, .. } => {
                let words = said.next().unwrap_or_default().to_owned();
                let flow = walk.flow().map(str::to_owned);
                let commands = grounded.understand(
                    &words,
                    Moment {
                        expect: &expect,
                        flow: flow.as_deref(),
                        now: now(),
                        told: &walk.told(),
                        offered: &[],
                    },
                );
                walk.step(Outcome::Heard { words, commands })
            }
            Order::Hangup { .. } => break,
            Order::Answer { question } => walk.step(Outcome::Answered(
                grounded.answer(&question).map(|passage| passage.text),
            )),
            Order::Say { .. }
            | Order::Tool(_)
            | Order::HandOff { .. }
            | Order::Record { .. }
            | Order::Ticket(_)
            | Order::Callback { .. }
            | Order::Transfer { .. } => walk.step(Outcome::Done),
        };
    }
    assert!(matches!(order, Order::Hangup { .. }), "{order:?}");
    assert_eq!(said.next(), None);
    assert_eq!(walk.slots().get("order_id"), Some(&Value::Text("44551234".to_owned())));
    assert!(
        walk.path().iter().any(|flow| flow == "order_status"),
        "{:?}",
        walk.path()
    );
}
