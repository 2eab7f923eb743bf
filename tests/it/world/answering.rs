//! Calls that the bot makes: who answers, what each of them hears, and what ends them.

use std::sync::Arc;

use offhook::audio::tone;
use offhook::call::{Manager, Note, Opening};
use offhook::campaign::outcome::AnsweredBy;
use offhook::dialplan::{Plan, Value, parse};

use super::stage::{Stage, Works, ms};

const PLAN: &str = "fixtures/plans/placed.yaml";
const MESSAGE: &str = "Hello, Acme here about your order. Please call us back.";

fn plan(change: impl FnOnce(String) -> String) -> Arc<Plan> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PLAN);
    let text = change(std::fs::read_to_string(path).expect("the plan"));
    Arc::new(parse(&text, PLAN).unwrap_or_else(|problems| panic!("{problems:#?}")))
}

/// The campaign of `plan` has called, and somebody has answered.
fn answered_with(plan: Arc<Plan>, ear: Works) -> Stage {
    let campaign = plan.campaigns.get("reminder").expect("the campaign").clone();
    let mut start = Stage::start(plan, Manager::Grounded);
    start.flow = campaign.flow.clone();
    start.opening = Some(Opening::of(&campaign));
    start.told.insert("first_name".into(), Value::Text("Anna".into()));
    let mut stage = Stage::begin(start, Works::Yes);
    stage.ear = ear;
    stage
}

fn answered() -> Stage {
    answered_with(plan(|text| text), Works::Yes)
}

/// A person has answered, and is asked for.
fn with_person() -> Stage {
    let mut stage = answered();
    stage.run(ms(400));
    stage.say("Hello?");
    stage.until("the question", |stage| stage.said("Am I speaking with Anna?"));
    stage
}

/// A machine has answered, whose greeting is over; its beep has not come.
fn with_machine() -> Stage {
    greeted_by_machine(answered())
}

fn greeted_by_machine(mut stage: Stage) -> Stage {
    stage.run(ms(600));
    for part in ["Hi, you've reached Bob.", "Please leave a message after the tone."] {
        stage.say(part);
        stage.hear_out();
        stage.run(ms(400));
    }
    assert_eq!(
        stage.call.answered_by(),
        Some(AnsweredBy::Machine),
        "{}",
        stage.transcript()
    );
    assert!(!stage.sounded.contains(&true), "it is let speak");
    stage
}

fn verdicts(stage: &Stage) -> Vec<AnsweredBy> {
    let told = stage.notes.iter().filter_map(|(_, note)| match note {
        Note::AnsweredBy(by) => Some(*by),
        _ => None,
    });
    told.collect()
}

/// When the first of them was known.
fn decided(stage: &Stage) -> std::time::Duration {
    let found = stage.notes.iter().find(|(_, note)| matches!(note, Note::AnsweredBy(_)));
    found.map(|(at, _)| *at).expect("a verdict")
}

/// The message was said whole, after `from` ticks, and the call is over.
fn expect_message(stage: &mut Stage, from: usize) {
    stage.until("the end", |stage| stage.hung_up);
    let said = stage.bot_said();
    assert!(said.iter().any(|said| said.contains(MESSAGE)), "{}", stage.transcript());
    assert!(said.iter().all(|said| !said.contains(" —")), "{said:?}");
    let began = stage.sounded.iter().skip(from).position(|sounds| *sounds);
    let began = began.expect("the message sounds");
    assert!(began <= 30, "it begins {} ms after the beep", began * 20);
    assert!(!stage.said("Am I speaking"), "a machine is asked nothing");
}

#[test]
fn a_person_who_says_hello_hears_at_once_who_calls() {
    let mut stage = answered();
    stage.run(ms(400));
    stage.say("Hello?");
    stage.until("the bot's first sound", |stage| stage.sounded.contains(&true));
    assert_eq!(verdicts(&stage), [AnsweredBy::Human]);
    assert!(decided(&stage) <= ms(1_500), "{:?}", decided(&stage));
    assert!(stage.sounded.len() * 20 <= 1_700, "{} ms", stage.sounded.len() * 20);
    stage.until("the question", |stage| stage.said("Am I speaking with Anna?"));
    assert!(
        stage.bot_said()[0].contains("automated assistant"),
        "the disclosure is first"
    );
    stage.exchange("Yes, that's me.");
    stage.until("the next question", |stage| stage.said("four digits"));
    assert_eq!(verdicts(&stage), [AnsweredBy::Human]);
}

#[test]
fn who_wants_no_more_calls_and_hangs_up_in_the_same_breath_is_heeded() {
    let mut stage = with_person();
    stage.await_silence();
    stage.say("Please stop calling me.");
    stage.hear_out();
    stage.call.hung_up(stage.now);
    assert!(stage.call.awaits_last_words());
    stage.until("the words", |stage| !stage.call.awaits_last_words());
    let notes = stage.call.interrupted(stage.now);
    assert!(notes.contains(&Note::OptedOut), "{notes:?}");
    assert!(
        matches!(&notes[..], [Note::Heard { text, .. }, ..] | [_, Note::Heard { text, .. }] if text.contains("stop calling")),
        "{notes:?}"
    );
    assert!(stage.call.opted_out());
}

#[test]
fn how_long_somebody_is_kept_waiting_counts_from_what_they_said() {
    for (greeting, most) in [
        (None, ms(1_200)),
        (Some("Hello?"), ms(1_400)),
        (
            Some("Good afternoon this is the Miller family in Springfield"),
            ms(1_400),
        ),
    ] {
        let mut stage = answered();
        stage.run(ms(300));
        if let Some(greeting) = greeting {
            stage.say(greeting);
        }
        stage.until("the bot's first sound", |stage| stage.sounded.contains(&true));
        let waited = stage.call.kept_waiting(stage.now).expect("it was we who called");
        assert!(waited > ms(100) && waited <= most, "{greeting:?}: {waited:?}");
        stage.run(ms(2_000));
        assert_eq!(
            stage.call.kept_waiting(stage.now),
            Some(waited),
            "it is the first word that counts"
        );
    }
}

#[test]
fn who_is_silent_is_a_person() {
    let mut stage = answered();
    stage.until("the bot's first sound", |stage| stage.sounded.contains(&true));
    assert_eq!(stage.call.answered_by(), Some(AnsweredBy::Human));
    assert!((ms(2_900)..=ms(3_100)).contains(&decided(&stage)));
    stage.until("the question", |stage| stage.said("Am I speaking with Anna?"));
}

#[test]
fn a_person_who_says_more_is_let_finish() {
    let mut stage = answered();
    stage.run(ms(300));
    stage.say("Good afternoon this is the Miller family in Springfield");
    stage.hear_out();
    assert!(!stage.sounded.contains(&true), "{}", stage.transcript());
    stage.until("the question", |stage| stage.said("Am I speaking with Anna?"));
    assert_eq!(verdicts(&stage), [AnsweredBy::Human]);
}

#[test]
fn where_the_plan_does_not_ask_whoever_answers_is_a_person() {
    let without = plan(|text| {
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("amd:") && !line.contains("picked_up:"));
        let unreached = ["There you are", "leave_message:", "Hello, Acme here"];
        lines
            .filter(|line| !unreached.iter().any(|words| line.contains(words)))
            .collect::<Vec<_>>()
            .join("\n")
    });
    let mut stage = answered_with(without, Works::Yes);
    stage.run(ms(300));
    assert_eq!(verdicts(&stage), [AnsweredBy::Human]);
    assert!(stage.sounded.contains(&true));
}

#[test]
fn a_machine_hears_the_whole_message_after_its_beep() {
    let mut stage = with_machine();
    stage.run(ms(600));
    stage.sound(&tone::beep());
    let at = stage.sounded.len();
    expect_message(&mut stage, at);
    assert_eq!(verdicts(&stage), [AnsweredBy::Machine]);
}

#[test]
fn the_message_begins_anew_where_the_greeting_goes_on() {
    let mut stage = with_machine();
    stage.sound(&tone::beep());
    stage.run(ms(2_000));
    assert!(stage.sounded.contains(&true), "the message has begun");
    stage.say("Or press one for more options and then leave it.");
    stage.hear_out();
    assert!(
        !stage.sounded.iter().rev().take(20).any(|sounds| *sounds),
        "it has stopped"
    );
    stage.run(ms(500));
    stage.sound(&tone::beep());
    let at = stage.sounded.len();
    expect_message(&mut stage, at);
}

#[test]
fn a_second_beep_is_the_one_that_counts() {
    let mut stage = with_machine();
    stage.sound(&tone::beep());
    stage.run(ms(900));
    stage.sound(&tone::beep());
    let at = stage.sounded.len();
    expect_message(&mut stage, at);
}

#[test]
fn without_a_beep_the_message_is_left_when_the_greeting_is_over() {
    let mut stage = with_machine();
    stage.until("the end", |stage| stage.hung_up);
    assert!(stage.said(MESSAGE), "{}", stage.transcript());
}

#[test]
fn a_machine_that_was_taken_for_a_person_gets_its_message() {
    let mut stage = answered();
    stage.until("the bot begins", |stage| stage.sounded.contains(&true));
    stage.say("Hi, you've reached the Millers and we can't come to the phone right now so please leave a message");
    stage.hear_out();
    assert_eq!(
        verdicts(&stage),
        [AnsweredBy::Human, AnsweredBy::Machine],
        "{}",
        stage.transcript()
    );
    stage.run(ms(600));
    stage.sound(&tone::beep());
    let at = stage.sounded.len();
    expect_message(&mut stage, at);
}

#[test]
fn a_machine_that_nobody_understands_is_found_by_its_beep() {
    for ear in [Works::Never, Works::No] {
        let mut stage = answered_with(plan(|text| text), ear);
        stage.run(ms(300));
        stage.say("Hi, you've reached the Millers and we can't come to the phone right now so please leave a message");
        stage.hear_out();
        stage.sound(&tone::beep());
        let at = stage.sounded.len();
        expect_message(&mut stage, at);
        assert_eq!(verdicts(&stage), [AnsweredBy::Human, AnsweredBy::Machine]);
    }
}

#[test]
fn a_person_who_picks_up_while_it_records_is_spoken_with() {
    let mut stage = with_machine();
    stage.sound(&tone::beep());
    stage.run(ms(1_500));
    stage.say("Hello, who is this?");
    stage.until("the flow for who picks up", |stage| stage.said("There you are."));
    assert_eq!(verdicts(&stage), [AnsweredBy::Machine, AnsweredBy::Human]);
    stage.until("the question", |stage| stage.said("Am I speaking with Anna?"));
    assert!(!stage.said(MESSAGE));
}

#[test]
fn nobody_talks_to_a_fax_a_menu_or_the_network() {
    let mut fax = answered();
    fax.run(ms(500));
    fax.sound(&tone::sine(2_100.0, -15.0, ms(1_000)));
    let mut menu = answered();
    menu.run(ms(500));
    menu.say("Welcome to Acme, for sales, press one, for everything else, press two.");
    let mut network = answered();
    let tones: Vec<i16> = [950.0, 1_400.0, 1_800.0]
        .into_iter()
        .flat_map(|hz| tone::sine(hz, -15.0, ms(330)))
        .collect();
    network.sound(&tones);
    let mut words = answered();
    words.run(ms(300));
    words.say("We're sorry, the number you have dialed is not in service.");
    for (mut stage, by) in [
        (fax, AnsweredBy::Fax),
        (menu, AnsweredBy::Ivr),
        (network, AnsweredBy::Intercept),
        (words, AnsweredBy::Intercept),
    ] {
        stage.until("the end", |stage| stage.hung_up);
        assert_eq!(verdicts(&stage), [by]);
        assert!(!stage.sounded.contains(&true), "{by}: nothing is said");
    }
}

#[test]
fn who_screens_the_call_is_told_who_calls_and_a_person_is_waited_for() {
    let mut stage = answered();
    stage.run(ms(300));
    stage.say(
        "Hi, the person you're calling is using a screening service. Please say your name and why you're calling.",
    );
    stage.hear_out();
    stage.until("the line", |stage| stage.said("Leo from Acme about your order."));
    assert_eq!(verdicts(&stage), [AnsweredBy::Screening]);
    stage.run(ms(2_000));
    stage.say("One moment, please.");
    stage.hear_out();
    stage.run(ms(3_000));
    assert!(!stage.said("automated assistant"), "nobody has come yet");
    stage.say("Hello?");
    stage.until("the question", |stage| stage.said("Am I speaking with Anna?"));
    assert_eq!(verdicts(&stage), [AnsweredBy::Screening, AnsweredBy::Human]);
}

#[test]
fn a_screener_that_takes_a_message_is_left_one_and_one_that_does_nothing_is_left() {
    let screened = || {
        let mut stage = answered();
        stage.run(ms(300));
        stage.say("Please state your name and the reason for your call.");
        stage.until("the line", |stage| stage.said("Leo from Acme about your order."));
        stage
    };
    let mut stage = screened();
    stage.run(ms(1_000));
    stage.say("They can't answer the phone so please leave a message after the tone.");
    stage.hear_out();
    stage.run(ms(300));
    stage.sound(&tone::beep());
    let at = stage.sounded.len();
    expect_message(&mut stage, at);
    let mut stage = screened();
    stage.run(ms(62_000));
    assert!(stage.hung_up);
    assert_eq!(verdicts(&stage), [AnsweredBy::Screening]);
}

#[test]
fn a_key_ends_all_calls_at_any_moment() {
    for wait in [0, 900, 3_000] {
        let mut stage = answered();
        stage.run(ms(400));
        stage.say("Hello?");
        stage.until("the bot begins", |stage| stage.sounded.contains(&true));
        stage.run(ms(wait));
        stage.call.key(stage.now, '9');
        stage.until("the end", |stage| stage.hung_up);
        assert!(stage.said("I've removed your number."), "{}", stage.transcript());
        assert!(stage.call.opted_out());
        assert_eq!(stage.call.disposition(), Some("dnc"));
        assert_eq!(
            stage.notes.iter().filter(|(_, note)| *note == Note::OptedOut).count(),
            1
        );
    }
    // Before a word was said.
    let mut stage = answered();
    stage.run(ms(400));
    stage.call.key(stage.now, '9');
    stage.until("the end", |stage| stage.hung_up);
    assert!(stage.said("I've removed your number."));
    assert_eq!(verdicts(&stage), [AnsweredBy::Human]);
}

#[test]
fn the_same_key_is_a_digit_of_a_number_that_is_asked_for() {
    let mut stage = with_person();
    stage.exchange("Yes, that's me.");
    stage.until("the next question", |stage| stage.said("four digits"));
    for key in "9199".chars() {
        stage.call.key(stage.now, key);
        stage.run(ms(300));
    }
    stage.until("the end", |stage| stage.hung_up);
    assert_eq!(stage.call.disposition(), Some("told"), "{}", stage.transcript());
    assert!(!stage.call.opted_out());
}

#[test]
fn a_word_ends_all_calls_be_it_the_first() {
    let mut first = answered();
    first.run(ms(300));
    first.say("Stop calling me!");
    let mut later = with_person();
    later.exchange("Please take my number off your list.");
    for mut stage in [first, later] {
        stage.until("the end", |stage| stage.hung_up);
        assert!(stage.said("I've removed your number."), "{}", stage.transcript());
        assert_eq!(stage.call.disposition(), Some("dnc"));
        assert!(stage.notes.iter().any(|(_, note)| *note == Note::OptedOut));
        assert_eq!(stage.call.answered_by(), Some(AnsweredBy::Human));
    }
}

#[test]
fn who_says_what_a_machine_says_and_wants_no_more_calls_is_heeded() {
    let mut stage = with_person();
    stage.exchange("You've reached the wrong person, take me off your list.");
    stage.until("the end", |stage| stage.hung_up);
    assert!(stage.call.opted_out(), "{}", stage.transcript());
    assert_eq!(stage.call.disposition(), Some("dnc"));
}

#[test]
fn who_wants_no_more_calls_is_let_go_where_the_plan_forgot_to_say_how() {
    let careless = plan(|text| {
        let lines = text.lines().filter(|line| !line.contains("caller.opts_out"));
        lines.collect::<Vec<_>>().join("\n")
    });
    for by_key in [true, false] {
        let mut stage = answered_with(Arc::clone(&careless), Works::Yes);
        stage.run(ms(400));
        stage.say("Hello?");
        stage.until("the question", |stage| stage.said("Am I speaking with Anna?"));
        if by_key {
            stage.call.key(stage.now, '9');
        } else {
            stage.exchange("Stop calling me.");
        }
        stage.until("the end", |stage| stage.hung_up);
        assert_eq!(stage.call.disposition(), Some("dnc"));
        assert!(stage.call.opted_out() && stage.said("Goodbye."));
    }
}

#[test]
fn a_payment_in_the_middle_of_the_call_is_known_to_the_plan_at_once() {
    let mut stage = with_person();
    stage.call.happened(stage.now, "order.viewed");
    stage.run(ms(500));
    assert_eq!(stage.call.disposition(), None, "it minds only what the plan minds");
    stage.call.happened(stage.now, "payment.succeeded");
    stage.until("the end", |stage| stage.hung_up);
    assert!(stage.said("Your payment has just come in."));
    assert_eq!(stage.call.disposition(), Some("paid"));
}

#[test]
fn who_is_speaking_is_let_finish_before_they_are_told_of_it() {
    let mut stage = with_person();
    stage.run(ms(400));
    stage.say("well yes that would be me I suppose");
    stage.run(ms(500));
    let at = stage.sounded.len();
    stage.call.happened(stage.now, "payment.succeeded");
    stage.hear_out();
    assert!(!stage.sounded[at + 5..].contains(&true), "nobody is talked over");
    stage.until("the end", |stage| stage.hung_up);
    assert!(stage.said("Your payment has just come in."), "{}", stage.transcript());
}

#[test]
fn who_pays_before_they_have_said_a_word_is_told_who_called_and_that_it_is_settled() {
    let mut stage = answered();
    stage.run(ms(100));
    stage.call.happened(stage.now, "payment.succeeded");
    stage.run(ms(300));
    assert!(!stage.hung_up, "whoever answered is not left in silence");
    stage.say("Hello?");
    stage.until("the end", |stage| stage.hung_up);
    assert!(
        stage.said("This is Leo") && stage.said("Your payment has just come in."),
        "{}",
        stage.transcript()
    );
    assert!(!stage.said("Am I speaking with"), "{}", stage.transcript());
    assert_eq!(stage.call.answered_by(), Some(AnsweredBy::Human));
}

#[test]
fn what_happens_while_a_message_is_left_is_not_told_to_the_machine() {
    let open = plan(|text| text.replace("Please call us back.\"}, {hangup: now}]", "Please call us back.\"}]"));
    let mut stage = greeted_by_machine(answered_with(open, Works::Yes));
    stage.run(ms(600));
    stage.sound(&tone::beep());
    stage.run(ms(1_500));
    stage.call.happened(stage.now, "payment.succeeded");
    stage.until("the end", |stage| stage.hung_up);
    assert!(!stage.said("Your payment has just come in."), "{}", stage.transcript());
}

#[test]
fn a_machine_is_told_nothing_of_a_payment() {
    let mut stage = with_machine();
    stage.call.happened(stage.now, "payment.succeeded");
    stage.until("the end", |stage| stage.hung_up);
    assert_eq!(stage.call.disposition(), Some("paid"));
    assert!(!stage.sounded.contains(&true));
}
