//! Money, days with times, and numbers to call, as slots.

use super::*;

const MONEY: SlotKind = SlotKind::Money { min: None, max: None };

#[test]
fn money_in_english() {
    check(
        MONEY,
        English,
        &[
            ("twenty dollars", "20"),
            ("$20", "20"),
            ("$12.50", "12.5"),
            ("12.50", "12.5"),
            ("€9.99", "9.99"),
            ("£5", "5"),
            ("12 euros 50", "12.5"),
            ("twelve fifty", "12.5"),
            ("twelve ninety nine", "12.99"),
            ("twelve dollars and ninety-nine cents", "12.99"),
            ("a hundred and five pounds", "105"),
            ("two hundred", "200"),
            ("one thousand two hundred euros", "1200"),
            ("$1,200.50", "1200.5"),
            ("fifty cents", "0.5"),
            ("ninety nine p", "0.99"),
            ("two and a half thousand dollars", "2500"),
            ("about thirty bucks", "30"),
            ("twenty, no, thirty dollars", "30"),
            ("it was forty-nine ninety-five", "49.95"),
            ("five hundred and twenty dollars and five cents", "520.05"),
            ("a dollar", "1"),
            ("one euro ten", "1.1"),
            ("3 dollars 20", "3.2"),
            ("nothing at all", "-"),
            ("I don't know", "-"),
            ("twenty or thirty dollars", "-"),
        ],
    );
    let bounded = SlotKind::Money {
        min: Some(1.0),
        max: Some(500.0),
    };
    check(
        bounded,
        English,
        &[("five hundred", "500"), ("$501", "-"), ("ten cents", "-")],
    );
}

#[test]
fn money_in_mandarin() {
    check(
        MONEY,
        Mandarin,
        &[
            ("二十块", "20"),
            ("二十块钱", "20"),
            ("二十元", "20"),
            ("二十块五", "20.5"),
            ("十二块九毛九", "12.99"),
            ("十二块五毛", "12.5"),
            ("三百元", "300"),
            ("三百五", "350"),
            ("一千二百块", "1200"),
            ("一万块", "10000"),
            ("五毛", "0.5"),
            ("五角", "0.5"),
            ("九分", "0.09"),
            ("20元", "20"),
            ("¥20", "20"),
            ("12.5元", "12.5"),
            ("人民币两百", "200"),
            ("两百块零五毛", "200.5"),
            ("不对，是三十块", "30"),
            ("不知道", "-"),
        ],
    );
}

#[test]
fn days_with_times_in_english() {
    check(
        SlotKind::DateTime,
        English,
        &[
            ("tomorrow at three", "2026-11-22T15:00"),
            ("tomorrow at 3 pm", "2026-11-22T15:00"),
            ("tomorrow morning at nine", "2026-11-22T09:00"),
            ("Monday at half past two", "2026-11-23T14:30"),
            ("on Monday at quarter to four", "2026-11-23T15:45"),
            ("next Friday at 9:30", "2026-11-27T09:30"),
            ("Friday at 5 p.m.", "2026-11-27T17:00"),
            ("the 25th at ten", "2026-11-25T10:00"),
            ("November 25th at three thirty", "2026-11-25T15:30"),
            ("25 November at 15:30", "2026-11-25T15:30"),
            ("today at six in the evening", "2026-11-21T18:00"),
            ("at noon tomorrow", "2026-11-22T12:00"),
            ("in two days at eleven", "2026-11-23T11:00"),
            ("at three", "2026-11-21T15:00"),
            ("at nine", "2026-11-22T09:00"),
            ("Tuesday evening at seven", "2026-11-24T19:00"),
            ("December first at eight a.m.", "2026-12-01T08:00"),
            ("the day after tomorrow at four", "2026-11-23T16:00"),
            ("tomorrow, no, Monday at ten", "2026-11-23T10:00"),
            ("tomorrow", "-"),
            ("whenever", "-"),
            ("February thirtieth at three", "-"),
        ],
    );
}

#[test]
fn days_with_times_in_mandarin() {
    check(
        SlotKind::DateTime,
        Mandarin,
        &[
            ("明天下午三点", "2026-11-22T15:00"),
            ("明天早上九点", "2026-11-22T09:00"),
            ("后天上午十点半", "2026-11-23T10:30"),
            ("下周五上午十点半", "2026-11-27T10:30"),
            ("周一下午两点一刻", "2026-11-23T14:15"),
            ("星期二晚上七点", "2026-11-24T19:00"),
            ("十一月二十五号下午三点半", "2026-11-25T15:30"),
            ("11月25日15点30分", "2026-11-25T15:30"),
            ("今天晚上六点", "2026-11-21T18:00"),
            ("明晚八点", "2026-11-22T20:00"),
            ("明天中午十二点", "2026-11-22T12:00"),
            ("下午三点", "2026-11-21T15:00"),
            ("三天后上午九点", "2026-11-24T09:00"),
            ("二十五号下午差五分三点", "2026-11-25T14:55"),
            ("明天", "-"),
            ("随便", "-"),
        ],
    );
}

#[test]
fn numbers_to_call_in_english() {
    check(
        SlotKind::Phone,
        English,
        &[
            ("oh one seven two, double three, four five six seven", "0172334567"),
            ("plus four nine three oh one two three four five six", "+4930123456"),
            ("+49 30 123456", "+4930123456"),
            ("+1 (555) 010-9999", "+15550109999"),
            ("555-0100", "5550100"),
            ("five five five, oh one double zero", "5550100"),
            ("my number is zero one seven two three four five six seven", "017234567"),
            ("you can reach me at 0172 334567", "0172334567"),
            ("triple eight four two", "88842"),
            ("nine one one", "911"),
            ("one two", "-"),
            ("the same number", "-"),
            ("1234567890123456", "-"),
            ("zero one seven two no sorry zero one seven three four five", "017345"),
        ],
    );
}

#[test]
fn numbers_to_call_in_mandarin() {
    check(
        SlotKind::Phone,
        Mandarin,
        &[
            ("幺三八零零幺三八零零零", "13800138000"),
            ("一三八，零零一三，八零零零", "13800138000"),
            ("138 0013 8000", "13800138000"),
            ("加八六幺三八零零幺三八零零零", "+8613800138000"),
            ("+86 138 0013 8000", "+8613800138000"),
            ("我的电话是零二一六二三四五六七八", "02162345678"),
            ("幺幺零", "110"),
            ("零幺零，八八八八六六六六", "01088886666"),
            ("不对，是一三九零零幺三八零零零", "13900138000"),
            ("没有", "-"),
        ],
    );
}

/// A recogniser gives each breath by itself; together they are the number.
#[test]
fn ten_digits_over_three_breaths() {
    let whole = |breaths: &[&str], language: Language| {
        let digits: String = breaths.iter().map(|breath| digits_in(breath, language)).collect();
        extract(&digits, &slot(SlotKind::Digits { min: 10, max: 10 }), language, now())
    };
    for breaths in [
        ["oh one seven two", "double three um", "four five six seven"],
        ["0172", "33", "45 67"],
        [
            "it's zero one seven",
            "two three three",
            "and then forty-five sixty-seven",
        ],
        ["O one seven", "two, double three", "four five, six seven."],
    ] {
        assert_eq!(
            whole(&breaths, English),
            Some(Value::Text("0172334567".into())),
            "{breaths:?}"
        );
    }
    for breaths in [
        ["零幺七二", "三三", "四五六七"],
        ["零一七", "二三三嗯", "然后四五六七"],
        ["0172", "33", "4567"],
    ] {
        assert_eq!(
            whole(&breaths, Mandarin),
            Some(Value::Text("0172334567".into())),
            "{breaths:?}"
        );
    }
}
