//! What is looked up: stems and pairs in English, words of the dictionary and pairs of characters in Mandarin, and in both the things that
//! customers call by many names.
//!
//! It knows one text at a time.

use std::sync::LazyLock;

use jieba_rs::Jieba;

use crate::dialogue::features::{Kind, features};
use crate::dialogue::words::{is_han, plain};
use crate::language::Language;

/// Some 100 ms and 60 MB, where there is Mandarin to be read.
static DICTIONARY: LazyLock<Jieba> = LazyLock::new(Jieba::new);

const CHARACTER: f32 = 0.8;

/// Terms of a text with their weights, 0 to 1, before rarity is counted in. One that is said twice comes twice.
pub(super) fn terms(text: &str, language: Language) -> Vec<(String, f32)> {
    let of_features = features(text, language)
        .into_iter()
        .filter_map(|feature| match feature.kind {
            // Words say more; characters find what the dictionary cuts otherwise.
            Kind::Word if language == Language::Mandarin && feature.name.chars().all(is_han) => {
                Some((feature.name, CHARACTER * feature.weight))
            }
            Kind::Word | Kind::Concept => Some((feature.name, feature.weight)),
            Kind::Pair => Some((feature.name, 0.5 * feature.weight)),
            Kind::Sound => None,
        });
    let mut terms: Vec<(String, f32)> = of_features.collect();
    if language == Language::Mandarin {
        terms.extend(words(text));
    }
    terms
}

/// Say nothing of the topic, or ask.
const FUNCTION_WORDS: &str = "\
    我 你 您 他 她 它 我们 你们 他们 咱们 自己 的 了 吗 呢 吧 啊 呀 哦 嗯 请 请问 想 想要 能 可以 不可以 能不能 可不可以 在 是 有 有没有 没有 这 那 这个 那个 这些 那些 下 一 一下 帮 把 给 和 \
    跟 与 或 或者 到 就 都 也 还 会 得 地 着 过 怎么 怎样 怎么办 怎么样 什么 时候 什么时候 多少 多 几 哪 哪里 哪儿 哪些 谁 为什么 如何 是否 好 对 要 用 个 种 次 里 上 中 后 前 之内 以内 以后 以前 之后 之前 如果 \
    的话 一个 需要 应该 告诉 知道 说 问 呗 嘛 啦 哈 那么 然后 所有 任何 其他 别的 东西 办 办理 弄 搞 进行";

/// May be asked of anything.
const ASPECTS: &str = "多久 多长 多长时间 时间 长时间 几天 几点 多少钱 多少天 地方 方面 情况 操作 怎么收 怎么算";

fn words(text: &str) -> Vec<(String, f32)> {
    let plain = plain(text);
    let cut = DICTIONARY.cut_for_search(&plain, true);
    let han = cut.into_iter().filter(|token| token.word.chars().all(is_han));
    han.map(|token| {
        let word = token.word;
        let among = |list: &str| list.split_whitespace().any(|known| known == word);
        let weight = if among(FUNCTION_WORDS) {
            0.1
        } else if among(ASPECTS) {
            0.3
        } else {
            1.0
        };
        (word.to_owned(), weight)
    })
    .filter(|(word, _)| word.chars().count() > 1)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mandarin_is_cut_into_words() {
        let found = terms("请问运费多少钱", Language::Mandarin);
        let weight = |name: &str| {
            found
                .iter()
                .filter(|(term, _)| term == name)
                .map(|(_, weight)| *weight)
                .next_back()
        };
        assert_eq!(weight("运费"), Some(1.0));
        assert_eq!(weight("请问"), Some(0.1));
        assert_eq!(weight("=price"), Some(0.4));
    }

    #[test]
    fn english_has_stems_in_either_language() {
        for language in Language::ALL {
            assert!(
                terms("VPN 设置 settings", language)
                    .iter()
                    .any(|(term, _)| term == "setting")
            );
        }
    }
}
