//! Chances, and what is expected of them.

use super::*;

fn habits(answering: f64, ringing: u64, talking: u64) -> Habits {
    let mut habits = Habits::default();
    for call in 0..4_000 {
        let before = (f64::from(call) * answering).floor();
        if (f64::from(call + 1) * answering).floor() > before {
            habits.human(Duration::from_secs(ringing));
        } else {
            habits.nobody();
        }
        habits.talked(Duration::from_secs(talking));
    }
    habits
}

fn scene(free: u32, busy: u32, dialled: u32, waiting: u32) -> Scene {
    Scene {
        free,
        busy,
        dialled,
        waiting,
        ..Scene::default()
    }
}

const MANY: Share = Share {
    answered: 100_000,
    abandoned: 0,
};

/// How many calls are under way when no more are dialled.
fn calls(habits: &Habits, agents: (u32, u32), share: Share) -> u32 {
    let may = |dialled: u32| scene(agents.0, agents.1, dialled, 0).may_dial(habits, 0.03, [share]);
    (0..1_000).take_while(|dialled| may(*dialled)).count() as u32
}

#[test]
fn chances_are_those_of_the_binomial_distribution() {
    for (count, chance) in [(0, 0.3), (1, 0.5), (7, 0.2), (40, 0.9), (1_000, 0.98), (1_000, 0.01)] {
        let all = chances(count, chance);
        let sum: f64 = all.iter().map(|(_, likely)| likely).sum();
        let mean: f64 = all.iter().map(|(happened, likely)| happened * likely).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{count} {chance}: {sum}");
        assert!(
            (mean - f64::from(count) * chance).abs() < 1e-2,
            "{count} {chance}: {mean}"
        );
        assert!(all.len() < 250, "{count} {chance}: {}", all.len());
    }
    let two = chances(2, 0.25);
    for ((_, likely), wanted) in two.iter().zip([0.5625, 0.375, 0.0625]) {
        assert!((likely - wanted).abs() < 1e-12);
    }
    assert_eq!(chances(5, 0.0), [(0.0, 1.0)]);
}

#[test]
fn what_is_expected_is_what_dice_say() {
    let habits = habits(0.4, 15, 120);
    let scene = scene(2, 6, 10, 1);
    let (without, answered) = habits.expected(scene);
    let free_again = 1.0 - (-15.0_f64 / 120.0).exp();
    let mut dice = 1_u64;
    let mut is = |chance: f64| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((dice >> 11) as f64) < chance * (1_u64 << 53) as f64
    };
    let throws = 100_000;
    let mut lost = 0.0;
    for _ in 0..throws {
        let humans = (0..10).filter(|_| is(habits.answering.mean())).count() as f64;
        let back = (0..6).filter(|_| is(free_again)).count() as f64;
        lost += (1.0 + humans - 2.0 - back).max(0.0);
    }
    let thrown = lost / f64::from(throws);
    assert!((without - thrown).abs() < 0.03, "{without} and {thrown}");
    assert!((answered - 5.0).abs() < 0.1, "{answered}");
}

#[test]
fn the_rarer_people_answer_and_the_sooner_agents_are_back_the_more_is_dialled() {
    let rare = calls(&habits(0.1, 15, 120), (5, 5), MANY);
    let usual = calls(&habits(0.4, 15, 120), (5, 5), MANY);
    let always = calls(&habits(1.0, 15, 120), (5, 5), MANY);
    assert!(rare > usual && usual > always, "{rare} {usual} {always}");
    assert!(always >= 5, "{always}");
    let short = calls(&habits(0.4, 15, 30), (5, 5), MANY);
    assert!(short > usual, "{short} {usual}");
}

#[test]
fn without_a_past_there_is_a_call_for_each_free_agent() {
    let habits = habits(0.1, 15, 120);
    assert_eq!(calls(&habits, (5, 20), Share::default()), 5);
    assert_eq!(calls(&habits, (0, 20), Share::default()), 0);
    // 32 without a fault do not bear one of 33; 33 bear one of 34.
    let clean = |answered| Share { answered, abandoned: 0 };
    assert_eq!(calls(&habits, (5, 20), clean(32)), 5);
    assert_eq!(calls(&habits, (5, 20), clean(33)), 6);
    // One day that has used up its share is enough.
    let bad = Share {
        answered: 100,
        abandoned: 3,
    };
    assert!(!scene(5, 20, 5, 0).may_dial(&habits, 0.03, [MANY, bad]));
    // A call for whom an agent is free makes nothing worse.
    assert!(scene(5, 20, 4, 0).may_dial(&habits, 0.03, [bad]));
}
