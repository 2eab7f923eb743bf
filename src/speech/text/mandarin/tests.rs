//! What is written, and the pinyin it is spoken with.

use proptest::prelude::*;

use super::*;

/// All that Kokoro's Mandarin uses of its vocabulary.
const ALLOWED: &str = ";:,.!? aefhijklmnopstuwxyŋɔɕəɚɛɤɥɨɻʂʊʦʨʰ→↓↗↘ꭧ";

fn pinyin(text: &str) -> String {
    let numbered = |syllable: &Syllable| {
        let ending = match syllable.end {
            Ending::Plain => "",
            Ending::Retroflex => "r",
        };
        format!("{}{ending}{}", syllable.pinyin, syllable.tone)
    };
    let spoken = pieces(text).into_iter().flat_map(|piece| match piece {
        Piece::Word(word) => word.syllables.iter().map(numbered).collect::<Vec<_>>(),
        Piece::Pause(pause) => vec![pause.to_string()],
    });
    spoken.collect::<Vec<_>>().join(" ")
}

const TABLE: &[(&str, &str)] = &[
    ("您好", "nin2 hao3"),
    ("你好", "ni2 hao3"),
    ("一个", "yi2 ge4"),
    ("不是", "bu2 shi4"),
    ("银行", "yin2 hang2"),
    ("银行卡", "yin2 hang2 ka3"),
    ("行吗", "xing2 ma5"),
    ("行长", "hang2 zhang3"),
    ("长度", "chang2 du4"),
    ("重新说一遍", "chong2 xin1 shuo1 yi2 bian4"),
    ("重要", "zhong4 yao4"),
    ("还没有还款", "hai2 mei2 you3 huan2 kuan3"),
    ("得到", "de2 dao4"),
    ("说得好", "shuo1 de5 hao3"),
    ("我得走了", "wo2 dei3 zou3 le5"),
    ("快速地处理", "kuai4 su4 de5 chu2 li3"),
    ("地址", "di4 zhi3"),
    ("了解", "liao2 jie3"),
    ("好了", "hao3 le5"),
    ("调整", "tiao2 zheng3"),
    ("调查", "diao4 cha2"),
    ("便宜", "pian2 yi5"),
    ("方便", "fang1 bian4"),
    ("音乐", "yin1 yue4"),
    ("快乐", "kuai4 le4"),
    ("订单", "ding4 dan1"),
    ("着急", "zhao2 ji2"),
    ("为您服务", "wei4 nin2 fu2 wu4"),
    ("成为会员", "cheng2 wei2 hui4 yuan2"),
    ("为客户着想", "wei4 ke4 hu4 zhuo2 xiang3"),
    ("余额为三十元", "yu2 e2 wei2 san1 shi2 yuan2"),
    ("以短信为准", "yi2 duan3 xin4 wei2 zhun3"),
    ("好处", "hao3 chu5"),
    ("差额", "cha1 e2"),
    ("出差", "chu1 chai1"),
    ("更新", "geng1 xin1"),
    ("更多", "geng4 duo1"),
    ("只有", "zhi2 you3"),
    ("转人工", "zhuan3 ren2 gong1"),
    ("请假", "qing3 jia4"),
    ("质量", "zhi4 liang4"),
    ("应该", "ying1 gai1"),
    ("应用", "ying4 yong4"),
    ("会计", "kuai4 ji4"),
    ("大夫", "dai4 fu5"),
    ("干净", "gan1 jing4"),
    ("一切", "yi2 qie4"),
    ("没关系", "mei2 guan1 xi5"),
    ("睡觉", "shui4 jiao4"),
    ("角色", "jue2 se4"),
    ("尽快", "jin3 kuai4"),
    ("多少钱", "duo1 shao5 qian2"),
    ("校对", "jiao4 dui4"),
    ("参与", "can1 yu4"),
    ("要求", "yao1 qiu2"),
    ("下载", "xia4 zai4"),
    ("中奖", "zhong4 jiang3"),
    ("发票", "fa1 piao4"),
    ("数量", "shu4 liang4"),
    ("先生", "xian1 sheng5"),
    ("谢谢", "xie4 xie5"),
    ("对不起", "dui4 bu5 qi3"),
    ("不客气", "bu2 ke4 qi5"),
    ("不好意思", "bu4 hao3 yi4 si5"),
    ("是不是", "shi4 bu5 shi4"),
    ("看一看", "kan4 yi5 kan4"),
    ("第一", "di4 yi1"),
    ("第一个", "di4 yi1 ge4"),
    ("一天", "yi4 tian1"),
    ("一起", "yi4 qi3"),
    ("一百元", "yi4 bai3 yuan2"),
    ("十一月二十一日", "shi2 yi1 yue4 er4 shi2 yi1 ri4"),
    ("一月一日", "yi1 yue4 yi1 ri4"),
    ("二零一六年", "er4 ling2 yi1 liu4 nian2"),
    ("统一", "tong3 yi1"),
    ("百分之一", "bai3 fen1 zhi1 yi1"),
    ("可以", "ke2 yi3"),
    ("我可以", "wo3 ke2 yi3"),
    ("展览馆", "zhan2 lan2 guan3"),
    ("在哪里", "zai4 na2 li5"),
    ("在账户里取消", "zai4 zhang4 hu4 li5 qu3 xiao1"),
    ("五里路", "wu2 li3 lu4"),
    ("五公里", "wu3 gong1 li3"),
    ("石头", "shi2 tou5"),
    ("这只股票", "zhe4 zhi1 gu3 piao4"),
    ("各行各业", "ge4 hang2 ge4 ye4"),
    ("了不起", "liao3 bu5 qi3"),
    ("一模一样", "yi4 mu2 yi2 yang4"),
    ("小老虎", "xiao3 lao2 hu3"),
    ("我很好", "wo2 hen2 hao3"),
    ("请您稍等", "qing3 nin2 shao1 deng3"),
    ("一会儿", "yi2 huir4"),
    ("一点儿", "yi4 dianr3"),
    ("这儿", "zher4"),
    ("女儿", "nü3 er2"),
    ("儿童", "er2 tong2"),
    ("幺三八", "yao1 san1 ba1"),
    ("V I P会员", "wei1 ai4 pi4 hui4 yuan2"),
    ("厦门", "xia4 men2"),
    ("重庆", "chong2 qing4"),
    ("垃圾", "la1 ji1"),
    ("您好，请稍等。", "nin2 hao3 , qing3 shao1 deng3 ."),
];

#[test]
fn is_read() {
    let wrong: Vec<String> = TABLE
        .iter()
        .filter(|(text, read)| pinyin(text) != *read)
        .map(|(text, read)| format!("{text}: {} and not {read}", pinyin(text)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn words_are_joined_and_pauses_follow_them() {
    assert_eq!(phonemes("您好，订单。"), "ni↗nxau↓, ti↘ŋta→n.");
    assert_eq!(phonemes("。，"), "");
    assert_eq!(phonemes("好。！"), "xau↓.");
    assert_eq!(phonemes("👍"), "");
}

#[test]
fn every_phoneme_is_in_the_vocabulary() {
    for row in PHONEMES.values() {
        assert!(
            row.iter().all(|cell| cell.chars().all(|c| ALLOWED.contains(c))),
            "{row:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_gives_only_known_phonemes(text in "([\u{4e00}-\u{9fff}]|[一不个儿好你我是的地得]|[a-zA-Z0-9，。！ ]|\\PC){0,30}") {
        let phonemes = phonemes(&text);
        prop_assert!(phonemes.chars().all(|c| ALLOWED.contains(c)), "{phonemes}");
    }
}
