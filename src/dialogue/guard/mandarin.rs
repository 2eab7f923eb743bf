//! Claims in Mandarin: a verb of doing with a mark that it is done (已经, 了, 好了, 成功), under way (正在), or promised for now (我帮您…).

use super::action::{self, Action};
use crate::dialogue::words::plain;

/// Before the verb: it is not said to be so.
const DENIALS: [&str; 14] = [
    "没", "未", "无法", "不能", "不会", "不可", "不要", "别", "不得", "无需", "不用", "不是", "拒绝", "尚",
];
/// It may or will be so, or the caller is to do it.
const MODALS: [&str; 27] = [
    "可以", "可能", "可", "会", "将", "能", "需要", "需", "请", "应该", "应", "必须", "要求", "才", "要是", "想", "要",
    "如需", "方便", "等待", "等", "负责", "建议", "支持", "允许", "提供", "怎么",
];
const CONDITIONS: [&str; 16] = [
    "如果",
    "要是",
    "若",
    "假如",
    "一旦",
    "只要",
    "万一",
    "当",
    "是否",
    "有没有",
    "等到",
    "倘若",
    "除非",
    "无论",
    "只有",
    "在您",
];
/// Behind the verb, to the end of its part of the sentence: only then, or only some.
const AFTERS: [&str; 9] = ["后", "之后", "以后", "的话", "时", "的时候", "前", "之前", "以前"];
const QUESTIONS: [&str; 6] = ["吗", "?", "？", "要不要", "好不好", "呢"];
const DONE_BEFORE: [&str; 10] = ["已经", "已", "刚刚", "刚才", "刚", "成功", "都", "全部", "现已", "早就"];
const DONE_AFTER: [&str; 12] = [
    "了", "好了", "完了", "完", "成功", "完毕", "完成", "好啦", "啦", "妥了", "妥", "掉了",
];
const UNDER_WAY: [&str; 5] = ["正在", "正为", "这就", "马上", "立刻"];
const FOR_YOU: [&str; 8] = ["帮您", "为您", "给您", "替您", "帮你", "为你", "给你", "替你"];
/// Say that all is done, without a verb of doing.
const IDIOMS: [(&str, Action); 16] = [
    ("搞定了", Action::Settle),
    ("办好了", Action::Settle),
    ("办完了", Action::Settle),
    ("弄好了", Action::Settle),
    ("好了", Action::Settle),
    ("一切就绪", Action::Settle),
    ("大功告成", Action::Settle),
    ("已经好了", Action::Settle),
    ("在路上了", Action::Send),
    ("已在途中", Action::Send),
    ("正在路上", Action::Send),
    ("系统显示", Action::LookUp),
    ("我看到您", Action::LookUp),
    ("我查到", Action::LookUp),
    ("根据您的账户", Action::LookUp),
    ("根据我们的记录", Action::LookUp),
];

pub(super) fn claims(clause: &str) -> Vec<Action> {
    let text: String = plain(clause).chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = Vec::new();
    for sentence in split(&text, &['。', '!', '?', ';', '.'], true) {
        let parts = split(sentence, &[',', '、', ':'], false);
        for (n, part) in parts.iter().enumerate() {
            // "订单已经取消，对吗？" still says that it is; a question mark at once behind asks.
            let asked = QUESTIONS
                .iter()
                .any(|mark| part.ends_with(mark) || part.contains(mark) && mark.chars().count() > 2);
            let asked = asked || (n + 1 == parts.len() && part.contains('吗'));
            if asked || CONDITIONS.iter().any(|word| part.contains(word)) {
                continue;
            }
            found.extend(verbs(part));
            found.extend(idioms(part));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The parts of a text; each keeps the mark that ends it where `keep`.
fn split<'a>(text: &'a str, marks: &[char], keep: bool) -> Vec<&'a str> {
    let mut parts: Vec<&str> = text.split_inclusive(marks).collect();
    if !keep {
        for part in &mut parts {
            *part = part.trim_end_matches(marks);
        }
    }
    parts
}

fn idioms(part: &str) -> Vec<Action> {
    let part = part.trim_end_matches(|c: char| !c.is_alphanumeric());
    let denied = DENIALS.iter().any(|word| part.contains(word));
    let said = |idiom: &str| match idiom {
        // 好了 alone or at the end: 好了, 都好了. Behind it anything may follow: 准备好了再来.
        "好了" => part == "好了" || part.ends_with("都好了") || part.ends_with("已经好了"),
        other => part.contains(other),
    };
    let found = IDIOMS
        .iter()
        .filter(|(idiom, _)| said(idiom) && !denied && !is_modal(before(part, idiom)));
    found.map(|(_, action)| *action).collect()
}

fn before<'a>(part: &'a str, idiom: &str) -> &'a str {
    part.find(idiom).and_then(|at| part.get(..at)).unwrap_or_default()
}

fn verbs(part: &str) -> Vec<Action> {
    let bare = part.trim_end_matches(|c: char| !c.is_alphanumeric());
    let mut found = Vec::new();
    for (from, to, action) in action::mandarin(bare) {
        let (ahead, behind) = (bare.get(..from).unwrap_or_default(), bare.get(to..).unwrap_or_default());
        if DENIALS.iter().any(|word| ahead.contains(word))
            || behind.starts_with("不了")
            || behind.starts_with("失败")
            || behind.starts_with("不")
        {
            continue;
        }
        let verb = bare.get(from..to).unwrap_or_default();
        let modal = is_modal(ahead);
        // 已付款的订单, 退款流程: a name for a thing.
        let names = behind.starts_with('的') || behind.starts_with("了的") || behind.starts_with("过的");
        let only_then = AFTERS
            .iter()
            .any(|word| behind.ends_with(word) || behind.starts_with(word) || behind.starts_with(&format!("了{word}")));
        if modal || names || only_then {
            continue;
        }
        let marked = DONE_BEFORE.iter().any(|word| ahead.contains(word))
            || verb.ends_with('了')
            || DONE_AFTER.iter().any(|word| behind.starts_with(word))
            || ends_with_le(behind)
            || verb.ends_with('好') && (behind.is_empty() || FOR_YOU.iter().any(|word| ahead.contains(word)));
        let under_way = UNDER_WAY.iter().any(|word| ahead.contains(word)) && !behind.contains("中的");
        let promised = FOR_YOU.iter().any(|word| ahead.contains(word))
            && (ahead.starts_with('我')
                || ahead.starts_with("好的")
                || ahead.contains("我来")
                || ahead.contains("我这")
                || FOR_YOU.iter().any(|word| ahead.starts_with(word)));
        if marked || under_way || promised {
            found.push(action);
        }
    }
    found
}

/// Words that hold a modal's character and are none.
const NO_MODALS: [&str; 20] = [
    "申请", "刚才", "会员", "机会", "协会", "社会", "会议", "功能", "智能", "能力", "重要", "主要", "邀请", "请求",
    "相应", "应用", "许可", "认可", "等级", "人才",
];

fn is_modal(ahead: &str) -> bool {
    let mut ahead = ahead.to_owned();
    for word in NO_MODALS {
        ahead = ahead.replace(word, "");
    }
    MODALS.iter().any(|modal| ahead.contains(modal))
}

/// 把地址修改成新的了: the mark stands at the end, behind the object.
fn ends_with_le(behind: &str) -> bool {
    behind.ends_with('了') && !behind.ends_with("好了吗") && behind.chars().count() <= 12
}
