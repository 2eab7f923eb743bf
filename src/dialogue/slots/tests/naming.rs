//! Days, times, names and addresses.

use super::*;
use crate::dialogue::slots::date_and_time;

#[test]
fn days() {
    check(
        SlotKind::Date,
        English,
        &[
            ("today", "2026-11-21"),
            ("tomorrow", "2026-11-22"),
            ("the day after tomorrow", "2026-11-23"),
            ("yesterday", "2026-11-20"),
            ("Friday", "2026-11-27"),
            ("on Monday", "2026-11-23"),
            ("next Friday", "2026-11-27"),
            ("next Monday please", "2026-11-23"),
            ("last Friday", "2026-11-20"),
            ("in three days", "2026-11-24"),
            ("two weeks from now", "2026-12-05"),
            ("in a week", "2026-11-28"),
            ("ten days ago", "2026-11-11"),
            ("a week from Monday", "2026-11-30"),
            ("November 25th", "2026-11-25"),
            ("November twenty fifth", "2026-11-25"),
            ("the 25th of November", "2026-11-25"),
            ("the fifth", "2026-12-05"),
            ("the twenty third", "2026-11-23"),
            ("January 2nd, 2027", "2027-01-02"),
            ("january second twenty twenty seven", "2027-01-02"),
            ("March 3", "2027-03-03"),
            ("12/24", "2026-12-24"),
            ("2026-12-24", "2026-12-24"),
            ("24.12.2026", "2026-12-24"),
            ("Monday, no, Tuesday", "2026-11-24"),
            ("not Monday, Tuesday", "2026-11-24"),
            ("Friday the 27th", "2026-11-27"),
            ("Monday or Tuesday", "-"),
            ("February thirtieth", "-"),
            ("I don't mind", "-"),
            ("one second", "-"),
        ],
    );
    check(
        SlotKind::Date,
        Mandarin,
        &[
            ("今天", "2026-11-21"),
            ("明天", "2026-11-22"),
            ("后天", "2026-11-23"),
            ("後天", "2026-11-23"),
            ("大后天", "2026-11-24"),
            ("昨天", "2026-11-20"),
            ("周五", "2026-11-27"),
            ("下周五", "2026-11-27"),
            ("下星期一", "2026-11-23"),
            ("下下周三", "2026-12-02"),
            ("这周日", "2026-11-22"),
            ("上周五", "2026-11-13"),
            ("三天后", "2026-11-24"),
            ("两个星期以后", "2026-12-05"),
            ("十一月二十五号", "2026-11-25"),
            ("11月25日", "2026-11-25"),
            ("二十五号", "2026-11-25"),
            ("下个月五号", "2026-12-05"),
            ("2027年1月2号", "2027-01-02"),
            ("二零二七年一月二号", "2027-01-02"),
            ("不是周一,是周二", "2026-11-24"),
            ("不知道", "-"),
        ],
    );
}

#[test]
fn times() {
    check(
        SlotKind::Time,
        English,
        &[
            ("three", "15:00"),
            ("at three", "15:00"),
            ("at nine", "09:00"),
            ("three thirty", "15:30"),
            ("3:30", "15:30"),
            ("3 pm", "15:00"),
            ("3 p.m.", "15:00"),
            ("8 a.m.", "08:00"),
            ("10am", "10:00"),
            ("eight in the evening", "20:00"),
            ("half past three", "15:30"),
            ("quarter to four", "15:45"),
            ("ten past nine", "09:10"),
            ("twenty minutes to five", "16:40"),
            ("nine o'clock", "09:00"),
            ("noon", "12:00"),
            ("midnight", "00:00"),
            ("15:45", "15:45"),
            ("09:05", "09:05"),
            ("nine oh five", "09:05"),
            ("three o'clock in the afternoon", "15:00"),
            ("tomorrow morning at seven", "07:00"),
            ("at three, no, at four", "16:00"),
            ("three or four", "-"),
            ("whenever", "-"),
        ],
    );
    check(
        SlotKind::Time,
        Mandarin,
        &[
            ("三点", "15:00"),
            ("下午三点", "15:00"),
            ("早上八点", "08:00"),
            ("晚上八点", "20:00"),
            ("三点半", "15:30"),
            ("下午三點半", "15:30"),
            ("上午九点一刻", "09:15"),
            ("下午三点十五分", "15:15"),
            ("十点零五分", "10:05"),
            ("差五分三点", "14:55"),
            ("中午", "12:00"),
            ("中午十二点", "12:00"),
            ("15点30分", "15:30"),
            ("15:30", "15:30"),
            ("凌晨两点", "02:00"),
            ("随便", "-"),
        ],
    );
}

#[test]
fn days_with_times() {
    check_with(
        &[
            ("tomorrow at three", "2026-11-22T15:00"),
            ("next Friday at 9:30", "2026-11-27T09:30"),
            ("November 25th at three thirty", "2026-11-25T15:30"),
            ("Monday morning at ten", "2026-11-23T10:00"),
            ("at three", "2026-11-21T15:00"),
            ("at nine", "2026-11-22T09:00"),
            ("tomorrow", "-"),
        ],
        |words| {
            Some(
                date_and_time(words, English, now())?
                    .strftime("%Y-%m-%dT%H:%M")
                    .to_string(),
            )
        },
    );
    check_with(
        &[
            ("明天下午三点", "2026-11-22T15:00"),
            ("下周五上午十点半", "2026-11-27T10:30"),
            ("明晚八点", "2026-11-22T20:00"),
            ("明天", "-"),
        ],
        |words| {
            Some(
                date_and_time(words, Mandarin, now())?
                    .strftime("%Y-%m-%dT%H:%M")
                    .to_string(),
            )
        },
    );
}

#[test]
fn names() {
    check(
        SlotKind::Name,
        English,
        &[
            ("my name is John Smith", "John Smith"),
            ("John Smith", "John Smith"),
            ("It's Maria.", "Maria"),
            ("this is Anna calling from Berlin", "Anna"),
            ("uh, I'm Peter O'Neil", "Peter O'Neil"),
            ("J-O-H-N", "John"),
            ("it's Smith, S M I T H", "Smith"),
            ("Mr. Brown", "Brown"),
            ("call me Kate please", "Kate"),
            ("I want to return something", "-"),
            ("12345", "-"),
        ],
    );
    check(
        SlotKind::Name,
        Mandarin,
        &[
            ("我叫王小明", "王小明"),
            ("我的名字是李雷", "李雷"),
            ("我姓张", "张"),
            ("王小明", "王小明"),
            ("我是陈先生", "陈先生"),
            ("我要退货", "-"),
            ("一二三", "-"),
        ],
    );
}

#[test]
fn addresses() {
    check(
        SlotKind::Email,
        English,
        &[
            ("john.smith@example.com.", "john.smith@example.com"),
            ("John dot Smith at example dot com", "john.smith@example.com"),
            ("my email is anna at mail dot example dot org", "anna@mail.example.org"),
            ("it's j o h n at example dot com", "john@example.com"),
            (
                "j as in Juliet o h n underscore two at example dot co dot uk",
                "john_2@example.co.uk",
            ),
            ("anna dash marie at example dot com please", "anna-marie@example.com"),
            ("J-O-H-N at example dot com", "john@example.com"),
            ("I don't have one", "-"),
            ("meet me at noon", "-"),
        ],
    );
    check(
        SlotKind::Email,
        Mandarin,
        &[
            ("zhang san 艾特 example 点 com", "zhangsan@example.com"),
            ("我的邮箱是 li 下划线 一二三 at qq 点 com", "li_123@qq.com"),
            ("没有", "-"),
        ],
    );
}

#[test]
fn text_is_taken_as_it_is() {
    check(
        SlotKind::Text,
        English,
        &[(" It rattles. ", "It rattles."), ("  ", "-")],
    );
}
