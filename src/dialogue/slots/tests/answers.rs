//! Yes, no, and one of several.

use super::*;

#[test]
fn yes_and_no_in_english() {
    check(
        SlotKind::Boolean,
        English,
        &[
            ("yes", "yes"),
            ("Yeah.", "yes"),
            ("yep", "yes"),
            ("yup!", "yes"),
            ("Uh-huh", "yes"),
            ("mm-hmm", "yes"),
            ("sure", "yes"),
            ("of course", "yes"),
            ("that's right", "yes"),
            ("That is correct.", "yes"),
            ("correct", "yes"),
            ("exactly", "yes"),
            ("okay", "yes"),
            ("yes please", "yes"),
            ("please do", "yes"),
            ("go ahead", "yes"),
            ("sounds good", "yes"),
            ("I think so", "yes"),
            ("I do", "yes"),
            ("why not", "yes"),
            ("no problem", "yes"),
            ("speaking", "yes"),
            ("that's it", "yes"),
            ("um, yes I would", "yes"),
            ("yes, I want to return a jacket that I bought last week", "yes"),
            ("no", "no"),
            ("Nope.", "no"),
            ("nah", "no"),
            ("no thanks", "no"),
            ("not really", "no"),
            ("not at all", "no"),
            ("I don't think so", "no"),
            ("I'm afraid not", "no"),
            ("that's wrong", "no"),
            ("that's not right", "no"),
            ("it isn't", "no"),
            ("incorrect", "no"),
            ("of course not", "no"),
            ("absolutely not", "no"),
            ("yeah, no", "no"),
            ("no, that's fine", "no"),
            ("well, not exactly", "no"),
            ("no it's 1234", "no"),
            ("Know.", "no"),
            ("never mind", "no"),
            ("I don't know", "-"),
            ("I'm not sure", "-"),
            ("maybe", "-"),
            ("I have no idea where my order is", "-"),
            ("good morning", "-"),
            ("where is my parcel", "-"),
            ("I have a problem with my last payment", "-"),
            ("tell me where they are", "-"),
            ("please cancel my order", "-"),
        ],
    );
}

#[test]
fn yes_and_no_in_mandarin() {
    check(
        SlotKind::Boolean,
        Mandarin,
        &[
            ("对", "yes"),
            ("對", "yes"),
            ("对的", "yes"),
            ("对对对", "yes"),
            ("是", "yes"),
            ("是的", "yes"),
            ("是的。", "yes"),
            ("嗯", "yes"),
            ("嗯,对", "yes"),
            ("好", "yes"),
            ("好的谢谢", "yes"),
            ("好啊", "yes"),
            ("行", "yes"),
            ("可以", "yes"),
            ("可以的", "yes"),
            ("没错", "yes"),
            ("沒錯", "yes"),
            ("没问题", "yes"),
            ("当然", "yes"),
            ("要", "yes"),
            ("需要", "yes"),
            ("是我", "yes"),
            ("正确", "yes"),
            ("是的,我要退货", "yes"),
            ("不是", "no"),
            ("不对", "no"),
            ("不對,是一二三四", "no"),
            ("不用了", "no"),
            ("不用了谢谢", "no"),
            ("不要", "no"),
            ("不需要", "no"),
            ("不行", "no"),
            ("没有", "no"),
            ("没有了", "no"),
            ("不", "no"),
            ("错了", "no"),
            ("算了", "no"),
            ("不是1234", "no"),
            ("不太对", "no"),
            ("不知道", "-"),
            ("不清楚", "-"),
            ("对不起", "-"),
            ("我的订单在哪里", "-"),
            ("我想问一下退货怎么办", "-"),
        ],
    );
}

#[test]
fn choices_in_english() {
    let reasons = choices(&[
        ("damaged", &["broken", "arrived damaged", "doesn't work", "defective"]),
        ("wrong_item", &["wrong size", "wrong colour", "not what I ordered"]),
        ("changed_mind", &["don't want it", "don't like it", "changed my mind"]),
    ]);
    check(
        reasons,
        English,
        &[
            ("damaged", "damaged"),
            ("it's damaged", "damaged"),
            ("It was broken when it came.", "damaged"),
            ("It's damage", "damaged"),
            ("you sent the wrong item", "wrong_item"),
            ("wrong items", "wrong_item"),
            ("it's the wrong size", "wrong_item"),
            ("it's not what I ordered", "wrong_item"),
            ("I changed my mind", "changed_mind"),
            ("I've changed my mine", "changed_mind"),
            ("I just don't want it", "changed_mind"),
            ("it's not damaged, it's the wrong size", "wrong_item"),
            ("it's defected", "damaged"),
            ("damaged, no, wrong item", "wrong_item"),
            ("the first one", "damaged"),
            ("number two", "wrong_item"),
            ("the last one", "changed_mind"),
            ("it's not damaged", "-"),
            ("I'd like to know your opening hours", "-"),
            ("damaged or wrong item", "-"),
        ],
    );
    let colours = choices(&[("red", &[]), ("blue", &["navy"]), ("dark_green", &["green"])]);
    check(
        colours,
        English,
        &[
            ("red", "red"),
            ("the blue one please", "blue"),
            ("not the red one, the blue one", "blue"),
            ("no, the blue one", "blue"),
            ("No the blue one", "blue"),
            ("dark green", "dark_green"),
            ("the red one instead of the blue one", "red"),
            ("read", "-"),
        ],
    );
}

#[test]
fn choices_in_mandarin() {
    let reasons = choices(&[
        ("damaged", &["坏了", "破损", "有问题"]),
        ("wrong_item", &["发错了", "发错货", "不是我买的"]),
        ("changed_mind", &["不想要了", "不喜欢"]),
    ]);
    check(
        reasons,
        Mandarin,
        &[
            ("坏了", "damaged"),
            ("壞了", "damaged"),
            ("东西是坏的", "damaged"),
            ("包装破损了", "damaged"),
            ("怀了", "damaged"),
            ("你们发错货了", "wrong_item"),
            ("这不是我买的", "wrong_item"),
            ("我不想要了", "changed_mind"),
            ("不喜欢", "changed_mind"),
            ("不是坏了,是发错了", "wrong_item"),
            ("第二个", "wrong_item"),
            ("没有坏", "-"),
            ("你好", "-"),
        ],
    );
}
