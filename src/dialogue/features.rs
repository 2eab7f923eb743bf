//! What is compared when texts are compared: stems and pairs of words in English, characters, their pairs and sounds in
//! Mandarin, and in both the few things that customers call by many names.
//!
//! It knows no texts but the one it is given. Words that carry no topic ("I", "please", 吗) are kept at a small weight.

use super::words::{is_han, plain, syllable, tokens};
use crate::language::Language;

/// One trait of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Feature {
    pub name: String,
    /// 0 to 1, before rarity is counted in.
    pub weight: f32,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An English stem, a Han character.
    Word,
    /// Two neighbours.
    Pair,
    /// Two Mandarin syllables, however written.
    Sound,
    /// What is called by many names.
    Concept,
}

/// The features of a text; those of a script are found whatever the language, so that mixed texts work.
pub(super) fn features(text: &str, language: Language) -> Vec<Feature> {
    let plain = plain(text);
    let tokens = tokens(&plain);
    let mut features = concepts(&plain, &tokens);
    match language {
        Language::English => english(&tokens, &mut features),
        Language::Mandarin => mandarin(&tokens, &named(&tokens), &mut features),
    }
    features
}

/// Carry no topic at all.
const FUNCTION_WORDS: &str = "\
    a an the i i'm i've i'd i'll me my mine we our us you your yours he she it its it's they them their this that that's these those there here \
    is are am was were be been being do does did done has have had having will would could can can't cannot should shall may might must \
    don't doesn't didn't won't wouldn't couldn't isn't aren't wasn't and or but if so then than as at by for from in into of off on onto to \
    with without about up out over just please thanks thank hello hi hey okay ok yes no not oh um uh er well also too very really what \
    what's which who whom where where's when why how how's some any all ur u ya got gotta wanna let lets let's dear sir madam \
    caller callers wants asks";

/// Polite and empty verbs: what callers wrap any wish in.
const LIGHT_WORDS: &str = "\
    help need want like get know tell give make take look looking try trying assist assistance ask question information info possible able \
    find see show call calling go going come let say said way thing something anything someone's more less much many lot new still \
    use using put have back explain understand wondering wonder wish hope think believe guess start happen happened";

fn english(tokens: &[String], features: &mut Vec<Feature>) {
    let mut before: Option<String> = None;
    for token in tokens {
        let function = FUNCTION_WORDS.split_whitespace().any(|word| word == token);
        let light = !function && LIGHT_WORDS.split_whitespace().any(|word| word == token);
        let name = if is_han_word(token) { token.clone() } else { stem(token) };
        let weight: f32 = match (function, light) {
            (true, _) => 0.08,
            (false, true) => 0.25,
            // The concept says most of it already.
            (false, false) if has_concept(token) => 0.5,
            (false, false) => 1.0,
        };
        if weight > 0.2
            && let Some(before) = before.replace(name.clone())
        {
            features.push(Feature {
                name: format!("{before} {name}"),
                weight: 0.4 * weight.sqrt(),
                kind: Kind::Pair,
            });
        }
        features.push(Feature {
            name,
            weight,
            kind: Kind::Word,
        });
    }
}

/// Say nothing of the topic.
const FUNCTION_CHARACTERS: &str =
    "我你您他她它们的了吗呢吧啊呀哦嗯请问想要能可以不在是有这那个下一帮把给和跟到就都也还会得地着过怎么什样好时候";

/// `named` tells of each token whether a concept says most of it already.
fn mandarin(tokens: &[String], named: &[bool], features: &mut Vec<Feature>) {
    let mut before: Option<(&String, f32)> = None;
    for (token, named) in tokens.iter().zip(named) {
        let han = is_han_word(token);
        let function = token.chars().all(|c| FUNCTION_CHARACTERS.contains(c));
        let weight: f32 = match (function, named) {
            (true, _) => 0.1,
            (false, true) => 0.4,
            (false, false) => 1.0,
        };
        let alone = if han { 0.5 } else { 1.0 };
        let name = if han { token.clone() } else { stem(token) };
        features.push(Feature {
            name,
            weight: weight * alone,
            kind: Kind::Word,
        });
        if let Some((before, earlier)) = before.replace((token, weight)) {
            let both = (weight * earlier).sqrt();
            features.push(Feature {
                name: format!("{before} {token}"),
                weight: both,
                kind: Kind::Pair,
            });
            let sounds: Option<Vec<String>> = [before, token]
                .into_iter()
                .map(|t| syllable(t.chars().next()?).map(alike))
                .collect();
            if let Some(sounds) = sounds.filter(|_| both > 0.2) {
                features.push(Feature {
                    name: format!("~{}", sounds.concat()),
                    weight: 0.5 * both,
                    kind: Kind::Sound,
                });
            }
        }
    }
}

/// Which of the tokens stand in a Mandarin form of a concept.
fn named(tokens: &[String]) -> Vec<bool> {
    let mut named = vec![false; tokens.len()];
    let forms = CONCEPTS.iter().flat_map(|(_, _, forms)| forms.split(' '));
    for form in forms {
        let form: Vec<String> = form.chars().map(String::from).collect();
        for (at, window) in tokens.windows(form.len().max(1)).enumerate() {
            if window == form {
                named
                    .iter_mut()
                    .skip(at)
                    .take(form.len())
                    .for_each(|named| *named = true);
            }
        }
    }
    named
}

fn is_han_word(token: &str) -> bool {
    token.chars().all(is_han)
}

/// A word without its ending: cancelling, cancelled, cancels → cancel. Light: it need not be a word, only the same for
/// all forms.
pub(super) fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    let length = word.chars().count();
    if length <= 3 || !word.is_ascii() {
        return word.to_owned();
    }
    let cut = |ending: &str, least: usize| word.strip_suffix(ending).filter(|stem| stem.len() >= least);
    let stem = if let Some(stem) = cut("ies", 2).or(cut("ied", 2)) {
        return format!("{stem}y");
    } else if let Some(stem) = cut("ing", 3).or(cut("ed", 3)) {
        stem
    } else if let Some(stem) = cut("ment", 4).or(cut("ly", 4)) {
        stem
    } else if let Some(stem) = ["sses", "shes", "ches", "xes"]
        .iter()
        .find_map(|ending| word.ends_with(ending).then(|| word.strip_suffix("es")).flatten())
    {
        stem
    } else if word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") && !word.ends_with("is") {
        word.strip_suffix('s').unwrap_or(word)
    } else {
        word
    };
    let stem = stem.strip_suffix('e').filter(|stem| stem.len() >= 3).unwrap_or(stem);
    // "cancell" and "stopp" lose what the ending doubled.
    let mut last = stem.chars().rev();
    let doubled = matches!((last.next(), last.next()), (Some(a), Some(b)) if a == b && !matches!(a, 's' | 'e' | 'o'));
    let stem = if doubled && stem.len() > 4 {
        stem.get(..stem.len() - 1).unwrap_or(stem)
    } else {
        stem
    };
    stem.to_owned()
}

/// What a pair of neighbours that is known nowhere counts, against a word that is: most pairs are new.
pub(super) const UNKNOWN_PAIR: f32 = 0.3;

/// Whether a feature of this name is a pair of neighbours.
pub(super) fn is_pair(name: &str) -> bool {
    name.contains(' ') || name.starts_with('~')
}

/// Things that customers of any business call by several names: a name for the thing, its English forms (several words
/// with `_` between) and its Mandarin ones.
const CONCEPTS: [(&str, &str, &str); 26] = [
    ("order", "order orders purchase purchases", "订单 单子 下单"),
    (
        "parcel",
        "parcel parcels package packages shipment goods item items product products",
        "包裹 快递 东西 商品 货物",
    ),
    (
        "track",
        "track tracking trace locate status eta where_is where's",
        "物流 查单 到哪 在哪 状态 进度",
    ),
    (
        "refund",
        "refund refunds refunded reimburse reimbursed reimbursement money_back",
        "退款 退钱 把钱退",
    ),
    (
        "return",
        "return returns returning send_back sending_back sent_back bring_back give_back exchange",
        "退货 退回 退掉 换货 寄回",
    ),
    (
        "person",
        "person human agent representative operator advisor adviser colleague staff somebody someone",
        "人工 真人 客服 专员 坐席",
    ),
    (
        "talk",
        "talk talking speak speaking chat chatting contact reach transfer connect put_through",
        "转接 转人工 接通 说话 通话 联系",
    ),
    (
        "deliver",
        "deliver delivery delivered delivering deliveries ship shipping shipped dispatch arrive arrives arriving arrival",
        "送货 配送 发货 送达 到货",
    ),
    (
        "invoice",
        "invoice invoices bill bills receipt receipts billing",
        "发票 账单 收据",
    ),
    (
        "pay",
        "pay paying paid payment payments charge charged charges checkout",
        "付款 支付 扣款 付钱 扣钱",
    ),
    (
        "problem",
        "problem problems issue issues trouble error errors fail failed fails failing wrong broken",
        "问题 故障 失败 出错 毛病",
    ),
    (
        "password",
        "password passwords passcode pin login log_in sign_in credentials",
        "密码 登录 口令",
    ),
    (
        "recover",
        "recover recovering reset resetting restore restoring retrieve retrieving forgot forgotten forget",
        "找回 重置 忘记 忘了",
    ),
    (
        "cancel",
        "cancel cancelling canceling cancelled canceled cancellation call_off",
        "取消 不要了 撤销",
    ),
    (
        "change",
        "change changing changed update updating modify edit correct amend alter switch",
        "修改 更改 更换 变更 改成 改一下",
    ),
    ("address", "address addresses", "地址"),
    (
        "complain",
        "complain complaining complaint complaints unhappy dissatisfied",
        "投诉 不满 抱怨",
    ),
    (
        "hours",
        "opening_hours opening_times business_hours open opened opens closed closes close closing hours",
        "营业 几点开 几点关 开门 关门 上班 下班",
    ),
    (
        "policy",
        "policy policies rule rules conditions terms circumstances",
        "政策 规定 条件 规则",
    ),
    (
        "duration",
        "how_long how_many_days duration period",
        "多久 几天 多长时间 什么时候到",
    ),
    (
        "price",
        "price prices cost costs fee fees how_much expensive",
        "价格 多少钱 费用 收费",
    ),
    (
        "appointment",
        "appointment appointments booking book reserve reservation schedule",
        "预约 预订 约个",
    ),
    ("damaged", "damaged broken defective faulty", "坏了 破损 损坏 坏的"),
    (
        "option",
        "option options choice choices choose method methods",
        "选项 方式",
    ),
    ("money", "money cash funds", "钱 现金"),
    ("account", "account accounts profile", "账户 账号 帐号"),
];

/// Concepts that ask about something and are not the thing: "how long" may be asked of anything.
const ASPECTS: [&str; 3] = ["duration", "price", "option"];

fn concepts(plain: &str, tokens: &[String]) -> Vec<Feature> {
    // "Send it back" is "send back".
    let is_object = |token: &str| {
        matches!(
            token,
            "it" | "this" | "that" | "them" | "these" | "those" | "something" | "one"
        )
    };
    let kept: Vec<&str> = tokens
        .iter()
        .map(String::as_str)
        .filter(|token| !is_object(token))
        .collect();
    let spaced = format!("_{}_", kept.join("_"));
    let sounds = sounds(plain);
    let said = |(_, english, mandarin): &(&str, &str, &str)| {
        if english.split(' ').any(|form| spaced.contains(&format!("_{form}_")))
            || mandarin.split(' ').any(|form| plain.contains(form))
        {
            Some(1.0)
        } else if mandarin.split(' ').any(|form| sounds.contains(&self::sounds(form))) {
            Some(BY_SOUND)
        } else {
            None
        }
    };
    let found = CONCEPTS.iter().filter_map(|concept| Some((concept.0, said(concept)?)));
    let weight = |name: &str| if ASPECTS.contains(&name) { 0.4 } else { 1.0 };
    found
        .map(|(name, said)| Feature {
            name: format!("={name}"),
            weight: said * weight(name),
            kind: Kind::Concept,
        })
        .collect()
}

/// What a concept is worth of which only the sound is right: 快弟 is 快递.
const BY_SOUND: f32 = 0.7;

/// The syllables of Mandarin characters, as speakers of many places and recognisers confuse them, each between `|`; what is
/// none of them stands between what is.
fn sounds(text: &str) -> String {
    let mut sounds = String::from("|");
    for c in text.chars() {
        match syllable(c) {
            Some(sound) => sounds.push_str(&alike(sound)),
            None => sounds.push(c),
        }
        sounds.push('|');
    }
    sounds
}

/// A syllable without what is often confused: z and zh, c and ch, s and sh, l and n; an and ang, en and eng, in and ing.
fn alike(syllable: &str) -> String {
    let flat = ["zh", "ch", "sh"]
        .iter()
        .find(|initial| syllable.starts_with(**initial));
    let (initial, rest) = match flat {
        Some(initial) => (
            initial.get(..1).unwrap_or_default(),
            syllable.get(2..).unwrap_or_default(),
        ),
        None => ("", syllable),
    };
    let rest = match rest.strip_suffix("ng") {
        Some(short) if !short.ends_with('o') => format!("{short}n"),
        Some(_) | None => rest.to_owned(),
    };
    let rest = match rest.strip_prefix('n') {
        Some(more) if initial.is_empty() => format!("l{more}"),
        Some(_) | None => rest,
    };
    format!("{initial}{rest}")
}

fn has_concept(token: &str) -> bool {
    CONCEPTS
        .iter()
        .any(|(_, english, _)| english.split(' ').any(|form| form == token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_that_are_confused_are_one() {
        for (a, b) in [("zhuan", "zuan"), ("cheng", "cen"), ("ning", "lin"), ("shang", "san")] {
            assert_eq!(alike(a), alike(b));
        }
        for (a, b) in [("zong", "zon"), ("gong", "kong"), ("ha", "fa"), ("", "n")] {
            assert_ne!(alike(a), alike(b));
        }
    }

    #[test]
    fn endings_do_not_matter() {
        for forms in [
            ["cancel", "cancelling", "canceled"],
            ["track", "tracking", "tracked"],
            ["change", "changing", "changes"],
            ["return", "returning", "returned"],
            ["policy", "policies", "policy"],
            ["order", "orders", "ordered"],
        ] {
            assert!(
                forms.iter().all(|form| stem(form) == stem(forms[0])),
                "{:?}",
                forms.map(stem)
            );
        }
    }

    #[test]
    fn one_thing_by_many_names() {
        let names = |text, language| {
            let features = features(text, language)
                .into_iter()
                .filter(|feature| feature.kind == Kind::Concept);
            features.map(|feature| feature.name).collect::<Vec<_>>()
        };
        assert!(names("I want my money back", Language::English).contains(&"=refund".to_owned()));
        assert_eq!(names("reimbursement", Language::English), ["=refund"]);
        assert_eq!(names("转人工", Language::Mandarin), ["=person", "=talk"]);
    }
}
