//! Who answers, by timelines: what is heard, 100 ms a column, and when the verdict falls.

use super::*;
use crate::clock;

/// `#` somebody speaks, `.` nobody, `b` a beep has ended, `f` a fax, `s` the network's three tones, `r` it has rung. Words: at which column they become
/// known, and whose they are; of a pause. The verdict, and the column in which it falls.
fn verdicts(unsure: Answered, heard: &str, words: &[(usize, Option<AnsweredBy>)]) -> Vec<(usize, AnsweredBy)> {
    let start = clock::now();
    let mut answering = Answering::new(start, Duration::from_secs(3), unsure);
    let mut found = Vec::new();
    for (column, c) in heard.chars().enumerate() {
        for (_, whom) in words.iter().filter(|(at, _)| *at == column) {
            answering.words(at(start, column * 5), Ask::All, *whom);
        }
        for n in 0..5 {
            let now = at(start, column * 5 + n + 1);
            let tone = match c {
                'b' => Some(Tone::Beep),
                'f' => Some(Tone::FaxAnswering),
                's' => Some(Tone::SpecialInformation),
                'r' => Some(Tone::RingBack),
                _ => None,
            };
            if let Some(tone) = tone.filter(|_| n == 0) {
                answering.tone(now, tone);
            }
            answering.hear(now, if c == '#' { 0.9 } else { 0.02 });
            answering.ask(now);
            let by = answering.verdict().map(|verdict| verdict.by);
            if let Some(by) = by.filter(|by| found.last().is_none_or(|(_, last)| last != by)) {
                found.push((column, by));
            }
        }
    }
    found
}

fn at(start: Instant, frames: usize) -> Instant {
    start + Duration::from_millis(20) * u32::try_from(frames).expect("few")
}

fn human(heard: &str, words: &[(usize, Option<AnsweredBy>)]) -> Vec<(usize, AnsweredBy)> {
    verdicts(Answered::Human, heard, words)
}

use AnsweredBy::{Fax, Human, Intercept, Ivr, Machine};

#[test]
fn a_short_hello_is_a_person_as_soon_as_it_ends() {
    // Nobody has written the words down.
    assert_eq!(human("....#####..........", &[]), [(13, Human)]);
    // They are a person's.
    assert_eq!(human("....#####..........", &[(11, Some(Human))]), [(11, Human)]);
    // They may be anybody's.
    assert_eq!(human("....#####..........", &[(11, None)]), [(13, Human)]);
    // A name takes a little longer.
    assert_eq!(human("..##############.............", &[(19, None)]), [(20, Human)]);
    assert_eq!(human("..##############.............", &[]), [(24, Human)]);
}

#[test]
fn silence_is_a_person_whatever_the_plan_takes_doubt_for() {
    let silence = ".".repeat(40);
    for unsure in [Answered::Human, Answered::Machine] {
        assert_eq!(verdicts(unsure, &silence, &[]), [(29, Human)]);
        let click = format!("..#{silence}");
        assert_eq!(verdicts(unsure, &click, &[]), [(29, Human)], "a click is nothing");
    }
}

#[test]
fn who_talks_on_is_what_the_plan_says_until_the_words_tell() {
    let talk = format!("...{}", "#".repeat(60));
    assert_eq!(human(&talk, &[]), [(29, Human)]);
    assert_eq!(verdicts(Answered::Machine, &talk, &[]), [(29, Machine)]);
    assert_eq!(human(&talk, &[(20, Some(Machine))]), [(20, Machine)]);
    assert_eq!(
        human(&talk, &[(40, Some(Machine))]),
        [(29, Human), (40, Machine)],
        "reversed while talking"
    );
    assert_eq!(
        human(&talk, &[(40, Some(Machine)), (45, Some(Intercept))]),
        [(29, Human), (40, Machine), (45, Intercept)]
    );
    assert_eq!(human(&talk, &[(25, Some(Ivr))]), [(25, Ivr)]);
    // The words of a half sentence do not make a person.
    assert_eq!(human(&talk, &[(12, Some(Human))]), [(29, Human)]);
}

#[test]
fn tones_tell_at_once() {
    assert_eq!(human("....f....", &[]), [(4, Fax)]);
    assert_eq!(human("....s....", &[]), [(4, Intercept)]);
    assert_eq!(
        human("......b....", &[]),
        [(6, Machine)],
        "a machine without a greeting"
    );
    assert_eq!(
        human("..b....................................", &[]),
        [(29, Human)],
        "as the line connects"
    );
    let late = format!("..{}..b....", "#".repeat(40));
    assert_eq!(human(&late, &[]), [(29, Human), (44, Machine)], "it was in doubt");
    assert_eq!(
        human("....#####..........b....", &[]),
        [(13, Human)],
        "a person, with something that beeps"
    );
    // It was connected, and rings: the time begins when that is over.
    assert_eq!(human(&format!("..........r{}", ".".repeat(40)), &[]), [(40, Human)]);
}

#[test]
fn words_are_asked_for_at_pauses_and_now_and_then_before() {
    let start = clock::now();
    let mut answering = Answering::new(start, Duration::from_secs(3), Answered::Human);
    let mut asks = Vec::new();
    for n in 0..400 {
        let speaks = (20..220).contains(&n) || (260..290).contains(&n);
        let now = at(start, n);
        answering.hear(now, if speaks { 0.9 } else { 0.02 });
        asks.extend(answering.ask(now).map(|ask| (n * 20, ask)));
    }
    assert_eq!(
        asks,
        [
            (1_580, Ask::SoFar),
            (2_180, Ask::SoFar),
            (3_080, Ask::SoFar),
            (4_480, Ask::All),
            (5_880, Ask::All)
        ]
    );
}

/// `#` the machine speaks, `b` its beep has ended, `p` words of a person have been understood, `a` the message is interrupted; 100 ms
/// a column. What is done, and when.
fn voicemail(no_beep: u64, heard: &str) -> Vec<(usize, Then)> {
    let start = clock::now();
    let mut machine = Voicemail::new(start, Some(Duration::from_secs(no_beep)));
    let mut done = Vec::new();
    let mut waits = true;
    for (column, c) in heard.chars().enumerate() {
        for n in 0..5 {
            let now = at(start, column * 5 + n + 1);
            match c {
                '#' => machine.spoke(now),
                'b' if n == 0 => machine.beeped(now),
                'p' if n == 0 => machine.sounds_human(now),
                'a' if n == 0 => {
                    machine.again(now);
                    waits = true;
                }
                _ => {}
            }
            if let Some(then) = waits.then(|| machine.then(now)).flatten() {
                waits = false;
                done.push((column, then));
            }
        }
    }
    done
}

#[test]
fn the_message_begins_after_the_last_beep_and_not_before_the_greeting_is_over() {
    assert_eq!(
        voicemail(25, &format!("{}...b..........", "#".repeat(30))),
        [(34, Then::Speak)]
    );
    assert_eq!(
        voicemail(25, &format!("####..b{}..b..........", "#".repeat(20))),
        [(30, Then::Speak)],
        "a beep in the middle of the greeting"
    );
    assert_eq!(
        voicemail(25, &format!("{}{}", "#".repeat(30), ".".repeat(60)))[0],
        (79, Then::Speak),
        "no beep comes"
    );
    assert_eq!(
        voicemail(3, &format!("{}{}", "#".repeat(50), ".".repeat(20)))[0],
        (53, Then::Speak)
    );
    let endless = voicemail(5, &"#".repeat(360));
    assert_eq!(endless.first(), Some(&(349, Then::Leave)), "it never pauses");
}

#[test]
fn a_person_who_picks_up_is_one_and_a_greeting_that_goes_on_is_none() {
    assert_eq!(voicemail(25, "######..p..........")[0], (12, Then::Person));
    let goes_on = voicemail(25, &format!("######..p..{}..b.....", "#".repeat(30)));
    assert_eq!(goes_on, [(44, Then::Speak)]);
}

#[test]
fn an_interrupted_message_is_begun_anew_but_not_for_ever() {
    let mut heard = "##..b....".to_owned();
    for _ in 0..6 {
        heard.push_str(&".".repeat(30));
        heard.push_str("a#..b....");
    }
    let done = voicemail(25, &heard);
    assert_eq!(done.iter().filter(|(_, then)| *then == Then::Speak).count(), 4);
    assert!(done.iter().any(|(_, then)| *then == Then::Leave));
}
