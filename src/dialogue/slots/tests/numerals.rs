//! Digits and quantities.

use super::*;
use crate::dialogue::slots::{money, telephone};

#[test]
fn digits_in_english() {
    check(
        SlotKind::Digits { min: 4, max: 4 },
        English,
        &[
            ("one two three four", "1234"),
            ("1234", "1234"),
            ("1-2-3-4", "1234"),
            ("1 2 3 4.", "1234"),
            ("12, 34", "1234"),
            ("1,2,3,4", "1234"),
            ("twelve thirty four", "1234"),
            ("twelve thirty-four", "1234"),
            ("double five one two", "5512"),
            ("five five double one", "5511"),
            ("triple seven one", "7771"),
            ("double 5 12", "5512"),
            ("oh one two three", "0123"),
            ("one oh two oh", "1020"),
            ("double oh seven one", "0071"),
            ("zero zero one nine", "0019"),
            ("nought one two three", "0123"),
            ("it's one two um three four", "1234"),
            ("my order number is 12 34 please", "1234"),
            ("twelve hundred", "1200"),
            ("one thousand two hundred and thirty four", "1234"),
            ("four thousand and five", "4005"),
            ("twenty twenty six", "2026"),
            ("nineteen eighty four", "1984"),
            ("one two then three four", "1234"),
            ("one two dash three four", "1234"),
            ("no, it's one two three five", "1235"),
            ("one two three four no sorry one two three five", "1235"),
            ("1234 I mean 1235", "1235"),
            ("one two for five", "1245"),
            ("one to three four", "1234"),
            ("Oh, 1234", "1234"),
            ("the one with 1234", "1234"),
            ("#1234", "1234"),
            ("A1234", "1234"),
            ("one two three", "-"),
            ("one two three four five", "-"),
            ("I don't have it", "-"),
            ("one moment please", "-"),
            ("1234 or 1235", "-"),
        ],
    );
    check(
        SlotKind::Digits { min: 8, max: 8 },
        English,
        &[
            ("one two three four five six seven eight", "12345678"),
            ("1234 5678", "12345678"),
            ("12 34 56 78", "12345678"),
            ("one two three four. Five six seven eight.", "12345678"),
            ("I have two parcels, the number is 87654321", "87654321"),
            ("double one double two double three double four", "11223344"),
            ("it's 4 4 5 6 triple 0 1", "44560001"),
            ("niner one two three fife six seven eight", "91235678"),
            // As Whisper writes the end of a number on a bad line.
            ("It's for 07 182 6 3 6 3", "40718263"),
            ("It's 4 0 7 1 8 2 6 3 6 3", "40718263"),
            ("12 34 56 56", "12345656"),
            ("1 2 3 4 5 6 7 8 8", "-"),
            ("1 2 3 4 5 6 7 8 9 0", "-"),
        ],
    );
}

#[test]
fn digits_in_mandarin() {
    check(
        SlotKind::Digits { min: 4, max: 4 },
        Mandarin,
        &[
            ("一二三四", "1234"),
            ("1234", "1234"),
            ("1 2 3 4", "1234"),
            ("１２３４", "1234"),
            ("一、二、三、四。", "1234"),
            ("幺二三四", "1234"),
            ("幺 零 两 三", "1023"),
            ("〇〇七八", "0078"),
            ("我的订单号是1234", "1234"),
            ("訂單號是一二三四", "1234"),
            ("帮我查一下一二三四", "1234"),
            ("一千二百三十四", "1234"),
            ("一千零五", "1005"),
            ("三个八一", "8881"),
            ("一二嗯三四", "1234"),
            ("十二三十四", "1234"),
            ("不对,是一二三五", "1235"),
            ("一二三四 不是 应该是 一二三五", "1235"),
            ("12 34", "1234"),
            ("一二山四", "1234"),
            ("一二三", "-"),
            ("我没有订单号", "-"),
            ("等一下", "-"),
        ],
    );
    check_with(
        &[
            ("幺三八零零幺三八零零零", "13800138000"),
            ("+86 138 0013 8000", "+8613800138000"),
        ],
        |words| telephone(words, Mandarin),
    );
    check_with(
        &[
            ("plus four four two oh seven one two three", "+44207123"),
            ("nine one one", "911"),
            ("five", "-"),
        ],
        |words| telephone(words, English),
    );
}

#[test]
fn digits_of_a_breath() {
    for (words, digits) in [
        ("four four five", "445"),
        ("uh six", "6"),
        ("double oh", "00"),
        ("thank you", ""),
        ("and then 7 8", "78"),
    ] {
        assert_eq!(digits_in(words, English), digits, "{words}");
    }
    for (words, digits) in [("幺三八", "138"), ("然后零零", "00"), ("好的", "")] {
        assert_eq!(digits_in(words, Mandarin), digits, "{words}");
    }
    // A ten-digit number over three breaths.
    let breaths = ["oh one seven two", "double three um", "four five six seven"];
    assert_eq!(breaths.map(|breath| digits_in(breath, English)).concat(), "0172334567");
}

#[test]
fn numbers() {
    check(
        SlotKind::Number { min: None, max: None },
        English,
        &[
            ("twenty five", "25"),
            ("a hundred and two", "102"),
            ("I'd like three please", "3"),
            ("3.5", "3.5"),
            ("1,200", "1200"),
            ("two and a half", "2.5"),
            ("one point five", "1.5"),
            ("zero point oh five", "0.05"),
            ("minus five", "-5"),
            ("a dozen", "12"),
            ("half a dozen", "6"),
            ("none", "0"),
            ("twelve hundred", "1200"),
            ("twenty five thousand", "25000"),
            ("one million two hundred thousand", "1200000"),
            ("two, no, three", "3"),
            ("just one", "1"),
            ("two or three", "-"),
            ("that one", "-"),
            ("I don't know", "-"),
        ],
    );
    check(
        SlotKind::Number {
            min: Some(1.0),
            max: Some(10.0),
        },
        English,
        &[("ten", "10"), ("eleven", "-"), ("zero", "-")],
    );
    check(
        SlotKind::Number { min: None, max: None },
        Mandarin,
        &[
            ("二十五", "25"),
            ("一百零二", "102"),
            ("十个", "10"),
            ("两个", "2"),
            ("我要三个", "3"),
            ("一千五", "1500"),
            ("一万二", "12000"),
            ("三点五", "3.5"),
            ("一个半", "1.5"),
            ("25", "25"),
            ("1.5万", "15000"),
            ("两百", "200"),
            ("负五", "-5"),
            ("两个还是三个", "-"),
            ("不知道", "-"),
        ],
    );
    check_with(
        &[
            ("twenty dollars", "20"),
            ("$12.50", "12.5"),
            ("twelve ninety nine", "12.99"),
            ("twenty dollars and fifty cents", "20.5"),
            ("fifty cents", "0.5"),
            ("three euros twenty", "3.2"),
        ],
        |words| Some(money(words, English)?.to_string()),
    );
    check_with(
        &[
            ("二十块", "20"),
            ("二十块五", "20.5"),
            ("十二块九毛九", "12.99"),
            ("三百元", "300"),
            ("20", "20"),
        ],
        |words| Some(money(words, Mandarin)?.to_string()),
    );
}
