//! How good the finding is: questions as callers put them, with and without an answer, in both languages.
//!
//! The weights of [`Evidence::score`](super::shelf::Evidence::score) are fitted to the questions about the shops; those about the water company and the
//! library are held out.

use super::{Knowledge, LEAST_SCORE};
use crate::language::Language;

/// What is asked, and the anchor of the passage that answers; empty: none does.
type Table = &'static [(&'static str, &'static str)];

const SHOP: Table = &[
    (
        "when will my parcel get here after I order",
        "how-long-does-delivery-take",
    ),
    ("how many days until it's delivered", "how-long-does-delivery-take"),
    ("can you send it to France", "do-you-deliver-abroad-to-other-countries"),
    (
        "do you ship internationally",
        "do-you-deliver-abroad-to-other-countries",
    ),
    ("what do I pay for postage", "how-much-does-shipping-cost"),
    ("is delivery free", "how-much-does-shipping-cost"),
    (
        "until when can I send something back",
        "how-long-do-i-have-to-return-something",
    ),
    ("where do I get the return label", "how-do-i-return-an-item"),
    ("when will I see my refund", "how-long-does-a-refund-take"),
    (
        "I'd like a different size",
        "can-i-exchange-an-item-for-another-size-or-colour",
    ),
    ("do you take credit cards", "how-can-i-pay"),
    ("can I pay by bank transfer", "how-can-i-pay"),
    ("I need the bill for my tax", "where-do-i-get-an-invoice"),
    (
        "I moved, can you change the address on my order",
        "can-i-change-the-delivery-address",
    ),
    ("I want to call off my order", "can-i-cancel-my-order"),
    ("my item came broken", "what-if-an-item-is-damaged-on-arrival"),
    ("do you have vouchers or gift cards", "do-you-sell-gift-cards"),
    ("how long is it under warranty", "how-long-is-the-warranty"),
    ("what is the address of your store", "where-is-your-shop"),
    ("can I write you an email", "what-is-your-email-address"),
    ("are you open on weekends", "when-are-you-open"),
    ("what time do you close on Friday", "when-are-you-open"),
    ("is there parking near the stadium", ""),
    ("who won the football match yesterday", ""),
    ("do you have any job openings for drivers", ""),
    ("what is the weather like tomorrow", ""),
    ("how do I reset my password", ""),
    ("is there a discount for students", ""),
    ("who is the chief executive", ""),
    ("can my dog eat chocolate", ""),
    ("do you rent out bicycles", ""),
    ("how tall is the Eiffel tower", ""),
    ("which plumber would you recommend", ""),
    ("what is the meaning of life", ""),
    ("can you help me with my homework", ""),
    ("how do I install the app on my phone", ""),
    ("do you repair old radios", ""),
    ("I want to book a flight to Madrid", ""),
];

const SHOP_ZH: Table = &[
    ("下单以后几天能收到", "送货要多久"),
    ("快递一般要几天", "送货要多久"),
    ("你们能发到日本吗", "可以寄到国外吗"),
    ("邮费怎么收", "运费是多少"),
    ("满多少包邮", "运费是多少"),
    ("过了多少天就不能退了", "多长时间之内可以退货"),
    ("我想把东西退回去要怎么操作", "怎么办理退货"),
    ("什么时候能把钱退给我", "退款要多久才能到账"),
    ("衣服小了想换大一号", "可以换尺码或者换颜色吗"),
    ("可以用微信付钱吗", "可以怎么付款"),
    ("支持支付宝吗", "可以怎么付款"),
    ("我要开一张发票", "怎么开发票"),
    ("地址填错了怎么改", "可以修改收货地址吗"),
    ("我不想要了，帮我取消", "可以取消订单吗"),
    ("收到的杯子碎了", "收到的东西坏了怎么办"),
    ("礼品卡有效期多久", "有礼品卡卖吗"),
    ("用了一年坏了还能修吗", "保修期是多长时间"),
    ("你们店在什么地方", "你们的门店在哪里"),
    ("怎么给你们发邮件", "你们的邮箱地址是什么"),
    ("晚上几点下班", "你们的营业时间是什么"),
    ("周末上班吗", "你们的营业时间是什么"),
    ("今天天气怎么样", ""),
    ("世界杯谁赢了", ""),
    ("你们招人吗", ""),
    ("学生有没有优惠", ""),
    ("密码忘了怎么办", ""),
    ("帮我订一张去北京的机票", ""),
    ("你们老板是谁", ""),
    ("附近有停车场吗", ""),
    ("给我讲个笑话", ""),
    ("珠穆朗玛峰有多高", ""),
    ("可以教我做菜吗", ""),
    ("小狗能吃巧克力吗", ""),
    ("怎么下载你们的软件", ""),
    ("股票今天涨了没有", ""),
];

const WATER: Table = &[
    (
        "I'm moving to another flat next month, what do I have to do",
        "moving-house",
    ),
    ("when do I get the final bill after I moved out", "moving-house"),
    ("where do I find my water meter", "reading-the-meter"),
    ("which numbers on the meter do I have to read", "reading-the-meter"),
    ("what happens if I did not send you a reading", "reading-the-meter"),
    ("there is a burst pipe in my cellar", "burst-pipes-and-leaks"),
    ("who pays for a leak in the street", "burst-pipes-and-leaks"),
    ("how hard is the water in the old town", "water-hardness"),
    ("what do I set my dishwasher to", "water-hardness"),
    ("is limescale bad for my health", "water-hardness"),
    ("can I give tap water to my baby", "water-quality"),
    ("how often is the water tested", "water-quality"),
    ("on which day is the direct debit taken", "direct-debit"),
    ("how do I cancel the direct debit", "direct-debit"),
    ("I can't pay my bill", "trouble-paying-a-bill"),
    ("can I pay in instalments", "trouble-paying-a-bill"),
    ("will you cut off my water", "trouble-paying-a-bill"),
    (
        "what does it cost to connect a new house",
        "connection-of-new-buildings",
    ),
    ("do I pay waste water fees for watering the garden", "garden-meters"),
    ("my water is brown", "planned-interruptions"),
    ("why is the water off in my street", "planned-interruptions"),
    ("when is the customer centre open", "customer-centre"),
    ("is your office accessible by wheelchair", "customer-centre"),
    ("am I allowed to fill my swimming pool", "swimming-pools"),
    ("can I use a fire hydrant", "swimming-pools"),
    ("do you sell electricity too", ""),
    ("how much is a train ticket to London", ""),
    ("what is the capital of Australia", ""),
    ("can you recommend a good restaurant", ""),
    ("when is the rubbish collected", ""),
    ("do you have internet contracts", ""),
    ("is my neighbour at home", ""),
    ("how do I apply for a passport", ""),
    ("who was the first man on the moon", ""),
    ("can I have a job as an engineer", ""),
    ("tell me something about dinosaurs", ""),
    ("my heating does not work", ""),
    ("what time is it in New York", ""),
];

const LIBRARY_ZH: Table = &[
    ("怎么办一张借书证", "办理借书证"),
    ("外地人要交押金吗", "办理借书证"),
    ("小孩子能办证吗", "办理借书证"),
    ("一次能借几本书", "借阅数量和期限"),
    ("书可以借多长时间", "借阅数量和期限"),
    ("能不能续借", "借阅数量和期限"),
    ("书还晚了要罚钱吗", "逾期和丢失"),
    ("我把书弄丢了怎么办", "逾期和丢失"),
    ("星期一开门吗", "开放时间"),
    ("图书馆几点关门", "开放时间"),
    ("过年的时候开放吗", "开放时间"),
    ("自习室怎么预约座位", "自习座位"),
    ("迟到了座位还给我留着吗", "自习座位"),
    ("打印一页多少钱", "打印和复印"),
    ("可以复印整本书吗", "打印和复印"),
    ("无线网密码是多少", "无线网络"),
    ("周六有什么讲座", "讲座和活动"),
    ("故事会要报名吗", "讲座和活动"),
    ("我想捐一些旧书", "捐赠图书"),
    ("能带吃的进去吗", "食物和宠物"),
    ("可以带狗进图书馆吗", "食物和宠物"),
    ("停车收费吗", "停车"),
    ("晚上闭馆以后怎么还书", "还书"),
    ("光盘还到哪里", "还书"),
    ("火车票怎么退", ""),
    ("今天股市怎么样", ""),
    ("澳大利亚的首都是哪里", ""),
    ("你们卖手机吗", ""),
    ("我家的水管漏了", ""),
    ("怎么申请护照", ""),
    ("推荐一家好吃的饭馆", ""),
    ("谁是第一个登上月球的人", ""),
    ("孩子发烧怎么办", ""),
    ("医院的电话是多少", ""),
    ("明天会下雨吗", ""),
    ("电费在哪里交", ""),
];

struct Base {
    name: &'static str,
    language: Language,
    markdown: &'static str,
    table: Table,
    /// Percent of the answerable whose passage has to be the first.
    first: f64,
}

const BASES: [Base; 4] = [
    Base {
        name: "shop",
        language: Language::English,
        markdown: include_str!("../../../../dialplans/kb/shop.md"),
        table: SHOP,
        first: 70.0,
    },
    Base {
        name: "shop-zh",
        language: Language::Mandarin,
        markdown: include_str!("../../../../dialplans/kb/shop-zh.md"),
        table: SHOP_ZH,
        first: 65.0,
    },
    Base {
        name: "water, held out",
        language: Language::English,
        markdown: include_str!("../../../../fixtures/knowledge/water.md"),
        table: WATER,
        first: 88.0,
    },
    Base {
        name: "library-zh, held out",
        language: Language::Mandarin,
        markdown: include_str!("../../../../fixtures/knowledge/library-zh.md"),
        table: LIBRARY_ZH,
        first: 85.0,
    },
];

impl Base {
    fn knowledge(&self) -> Knowledge {
        Knowledge::build([("kb.md".to_owned(), self.markdown.to_owned())])
    }
}

/// As counted over a table at the least score.
#[derive(Default)]
struct Figures {
    answerable: usize,
    /// The right passage is the first, whatever its score.
    first: usize,
    /// The right passage is the first, and good enough.
    answered: usize,
    /// Another is the first, and good enough.
    wrong: usize,
    unanswerable: usize,
    refused: usize,
}

fn measure(base: &Base) -> Figures {
    let knowledge = base.knowledge();
    let mut figures = Figures::default();
    for (question, anchor) in base.table {
        let found = knowledge.ask(question, base.language);
        let score = found.as_ref().map_or(0.0, |passage| passage.score);
        let source = found.map(|passage| passage.source).unwrap_or_default();
        let right = source == format!("kb.md#{anchor}");
        let good = score >= LEAST_SCORE;
        if anchor.is_empty() {
            figures.unanswerable += 1;
            figures.refused += usize::from(!good);
        } else {
            figures.answerable += 1;
            figures.first += usize::from(right);
            figures.answered += usize::from(right && good);
            figures.wrong += usize::from(!right && good);
        }
        let as_wished = if anchor.is_empty() { !good } else { right && good };
        if !as_wished {
            println!("  {}: {question}: {source} {score:.2}, not #{anchor}", base.name);
        }
    }
    figures
}

#[test]
fn questions_find_their_passages_and_strange_ones_none() {
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    for base in &BASES {
        let f = measure(base);
        println!(
            "{}: right passage first {}/{} ({:.1} %), answered {}, wrongly {}; refused {}/{} ({:.1} %)",
            base.name,
            f.first,
            f.answerable,
            share(f.first, f.answerable),
            f.answered,
            f.wrong,
            f.refused,
            f.unanswerable,
            share(f.refused, f.unanswerable)
        );
        assert!(
            share(f.first, f.answerable) >= base.first,
            "{}: too few first",
            base.name
        );
        assert!(
            share(f.refused, f.unanswerable) >= 90.0,
            "{}: too few refused",
            base.name
        );
        assert!(share(f.wrong, f.answerable) <= 20.0, "{}: too many wrong", base.name);
    }
}

/// A score is a chance: what scores about a half is right about half the time, in both languages.
#[test]
fn a_score_means_the_same_in_both_languages() {
    for language in Language::ALL {
        let mut bands = [(0_usize, 0.0_f32, 0_usize); 3];
        for base in BASES.iter().filter(|base| base.language == language) {
            let knowledge = base.knowledge();
            for (question, anchor) in base.table {
                let Some(passage) = knowledge.ask(question, language) else {
                    continue;
                };
                let band = &mut bands[((passage.score * 3.0) as usize).min(2)];
                band.0 += 1;
                band.1 += passage.score;
                band.2 += usize::from(!anchor.is_empty() && passage.source == format!("kb.md#{anchor}"));
            }
        }
        for (count, scores, right) in bands {
            let (expected, seen) = (scores / count as f32, right as f32 / count as f32);
            println!("{language:?}: {count} questions score {expected:.2}, {seen:.2} of them right");
            assert!(
                count < 8 || (expected - seen).abs() < 0.3,
                "{language:?}: {expected:.2} is {seen:.2}"
            );
        }
    }
}
