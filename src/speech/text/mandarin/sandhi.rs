//! Tones that neighbours change: 一, 不, and a third tone before another.
//!
//! Knows syllables and which of them make a word; no dictionary. Works on one clause, for a pause ends every influence.

use super::{Grouping, Syllable, Word};

pub(super) fn apply(clause: &mut [Word]) {
    one_and_not(clause);
    third(clause);
}

/// 一个 yí ge, 一天 yì tiān, 第一 dì yī; 不是 bú shì; light between two of the same (看一看, 好不好).
fn one_and_not(clause: &mut [Word]) {
    let before: Vec<Syllable> = clause.iter().flat_map(|word| word.syllables.iter().cloned()).collect();
    let word_ends = clause
        .iter()
        .flat_map(|word| (1..=word.syllables.len()).map(move |n| n == word.syllables.len() && n > 1));
    let word_ends: Vec<bool> = word_ends.collect();
    for (index, syllable) in clause.iter_mut().flat_map(|word| word.syllables.iter_mut()).enumerate() {
        let previous = index.checked_sub(1).and_then(|previous| before.get(previous));
        let next = before.get(index + 1);
        // Already decided by a phrase.
        let plain = matches!((syllable.sign, syllable.tone), ('一', 1) | ('不', 4));
        let Some(next) = next.filter(|_| plain) else { continue };
        if previous.is_some_and(|previous| previous.sign == next.sign && !is_digit(next.sign)) {
            syllable.tone = 5;
            continue;
        }
        let falls = next.tone == 4;
        if syllable.sign == '不' {
            syllable.tone = if falls { 2 } else { 4 };
            continue;
        }
        // 第一, 十一, 二零一六, 统一, 一月: a number or a name and no count.
        let counted =
            previous.is_some_and(|p| is_digit(p.sign) || matches!(p.sign, '第' | '初' | '十' | '点' | '期' | '周'));
        let orders = is_digit(next.sign) || matches!(next.sign, '月' | '号' | '日' | '楼' | '十' | '比' | '到');
        let ends_word = word_ends.get(index).copied().unwrap_or_default();
        if !(counted || orders || ends_word) {
            syllable.tone = if falls { 2 } else { 4 };
        }
    }
}

fn is_digit(sign: char) -> bool {
    matches!(
        sign,
        '零' | '〇' | '幺' | '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九'
    )
}

/// In a foot of two or three, every third tone before a third tone rises; between feet, only where one of them is a lone syllable.
fn third(clause: &mut [Word]) {
    let feet = feet(clause);
    let mut syllables: Vec<&mut Syllable> = clause.iter_mut().flat_map(|word| word.syllables.iter_mut()).collect();
    let mut start = 0;
    let mut starts = Vec::with_capacity(feet.len());
    for &length in &feet {
        starts.push((start, length));
        let Some(foot) = syllables.get_mut(start..start + length) else {
            break;
        };
        let low: Vec<bool> = foot.iter().map(|syllable| syllable.tone == 3).collect();
        for (syllable, pair) in foot.iter_mut().zip(low.windows(2)) {
            if pair == [true, true] {
                syllable.tone = 2;
            }
        }
        start += length;
    }
    for pair in starts.windows(2).rev() {
        let [(_, length), (next, next_length)] = pair else {
            continue;
        };
        let meets_low = syllables.get(*next).is_some_and(|syllable| syllable.tone == 3);
        let last = next.checked_sub(1).and_then(|index| syllables.get_mut(index));
        if let Some(last) = last.filter(|last| (*length == 1 || *next_length == 1) && meets_low && last.tone == 3) {
            last.tone = 2;
        }
    }
}

/// Lengths of the groups in which syllables are said. Lone words pair up from the front.
fn feet(clause: &[Word]) -> Vec<usize> {
    let mut feet = Vec::new();
    let mut lone = 0;
    for word in clause {
        match (word.syllables.len(), word.grouping) {
            (0, _) => {}
            (1, _) => lone += 1,
            (3, Grouping::Late) => {
                feet.extend(pairs(lone).chain([1, 2]));
                lone = 0;
            }
            (length, _) => {
                feet.extend(pairs(lone).chain(pairs(length)));
                lone = 0;
            }
        }
    }
    feet.extend(pairs(lone));
    feet
}

/// Twos, the last one a three where the number is odd.
fn pairs(length: usize) -> impl Iterator<Item = usize> {
    let pairs = length / 2;
    (0..pairs.max(length.min(1))).map(move |index| {
        let last = index + 1 >= pairs;
        if last { length - 2 * index } else { 2 }
    })
}
