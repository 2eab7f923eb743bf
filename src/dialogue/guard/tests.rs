//! Tables of what models say, and whether it claims that something was done.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::language::Language::{English, Mandarin};

const CLAIMS: &[&str] = &[
    "I've cancelled your order.",
    "I have cancelled your order for you.",
    "I cancelled it.",
    "I just cancelled that for you,",
    "I went ahead and cancelled the subscription.",
    "I have gone ahead and booked you in.",
    "Your order has been cancelled.",
    "Your order has now been successfully cancelled.",
    "The order was cancelled a minute ago.",
    "It's been cancelled.",
    "It's cancelled.",
    "That is cancelled now.",
    "Your refund has been issued.",
    "Your refund was issued yesterday.",
    "Your refund is on its way.",
    "I've issued the refund.",
    "We've refunded your card.",
    "We have processed your refund,",
    "You've been refunded.",
    "You have been charged nothing, I refunded it.",
    "Refund issued.",
    "Order cancelled!",
    "Cancelled.",
    "Done.",
    "Done!",
    "All done.",
    "Okay, done.",
    "That's done.",
    "It's done.",
    "You're all set.",
    "You are all set now.",
    "That's taken care of.",
    "I took care of it.",
    "Consider it done.",
    "the debit is stopped.",
    "the seal is replaced.",
    "Your booking is confirmed.",
    "You're booked for the table.",
    "I've booked a table for you.",
    "I booked your appointment.",
    "I have reserved a room in your name.",
    "Your appointment has been rescheduled.",
    "Your appointment has been moved,",
    "I've updated your address.",
    "Your address has been changed.",
    "I changed it to the new one.",
    "I have sent you an e-mail.",
    "I've just emailed you the label.",
    "A confirmation has been sent to you.",
    "A label was sent to your inbox.",
    "Your parcel has been shipped.",
    "Your parcel has arrived at the depot.",
    "I have opened a return for you.",
    "I've created a ticket.",
    "A ticket has been created.",
    "I filed a complaint on your behalf.",
    "Your complaint has been registered.",
    "The return has been approved.",
    "I have escalated this to my manager.",
    "I've notified the warehouse.",
    "My colleague has sent the invoice.",
    "Our team has fixed the problem.",
    "The system has unlocked your account.",
    "Your password has been reset.",
    "I've reset your password.",
    "Your account is unlocked.",
    "I checked your account,",
    "I've found your order.",
    "I have looked it up,",
    "I can see your order here.",
    "According to our records it left on Monday.",
    "I'm cancelling your order now.",
    "I am processing your refund.",
    "We're refunding your money.",
    "I'll cancel it for you.",
    "I will send you a new one.",
    "I'm going to cancel your order.",
    "Let me cancel that for you.",
    "I can confirm that your order has been cancelled.",
    "No problem, I have cancelled your order.",
    "No worries I've cancelled it.",
    "If you look now, I have cancelled it.",
    "After I checked your account I cancelled the order.",
    "After review your order has been cancelled.",
    "Sure, and I've also updated your details.",
    "I haven't shipped it but I have refunded you.",
    "Your order has been cancelled, right?",
    "I have not only cancelled it.",
    "You have successfully cancelled your order.",
    "Your payment went through.",
    "Everything is sorted.",
    "I did cancel it.",
    "Great news, your claim was approved.",
    "We removed the charge from your bill and closed the account.",
    "Your subscription is now active.",
    // Mandarin
    "已经为您退款了。",
    "您的订单已取消。",
    "订单已经取消了，",
    "我帮您取消了订单。",
    "我已经把订单取消了。",
    "已为您办理退货。",
    "退款已经到账。",
    "退款成功。",
    "取消成功了。",
    "预约成功！",
    "已经帮您预约好了。",
    "给您订好了。",
    "我给您约好了。",
    "地址已经修改成功。",
    "我帮您把地址改好了。",
    "密码已重置。",
    "确认邮件已发送到您的邮箱。",
    "短信已经发给您了。",
    "包裹已经发出。",
    "您的包裹已经送达。",
    "搞定了。",
    "办好了。",
    "都办妥了。",
    "好了，已经处理完了。",
    "我已经记录下来了。",
    "已经通知仓库了。",
    "已为您转接。",
    "我查到您的订单了。",
    "我已经查了您的账户。",
    "系统显示您的订单在途中。",
    "正在为您取消订单。",
    "我这就帮您取消。",
    "我马上为您退款。",
    "我来帮您办理退款。",
    "我帮您取消订单。",
    "工单已经创建。",
    "退货申请已经提交。",
    "您的投诉我们已经受理了。",
    "费用已经减免。",
    "订单没有发货，但是我已经退款了。",
    "刚才帮您取消了。",
];

const NO_CLAIMS: &[&str] = &[
    "You can return anything within thirty days.",
    "Returns are processed within five working days.",
    "Orders are shipped the same day.",
    "Orders placed before two leave the same day.",
    "Your refund is issued within five days of the return.",
    "Once your return has arrived, the money is refunded.",
    "Once it has been checked, your refund is issued.",
    "When your order has been shipped you get an e-mail.",
    "After your return has been received we refund you.",
    "If your order has been cancelled, no money is taken.",
    "As soon as it has been sent, you will get a message.",
    "Until it has been paid, nothing is sent.",
    "I have not cancelled your order.",
    "I haven't cancelled anything.",
    "Your order hasn't been cancelled yet.",
    "It was not cancelled.",
    "Nothing has been changed.",
    "I can't cancel that.",
    "I cannot cancel it for you.",
    "I was unable to find your order.",
    "I can cancel that for you.",
    "I could send you a label.",
    "Would you like me to cancel it?",
    "Shall I cancel your order?",
    "Do you want it cancelled?",
    "Has your order been cancelled?",
    "Have you received your parcel?",
    "Did you get it?",
    "What was ordered?",
    "An order can be cancelled until it is shipped.",
    "It can be returned unused.",
    "Your order may have been delayed.",
    "It should have been delivered by now.",
    "It would have been sent to your address.",
    "Items that have been opened cannot be returned.",
    "Orders that were placed on Sunday leave on Monday.",
    "Goods which have been damaged are replaced.",
    "Anything you have bought can be returned.",
    "The card you paid with is credited.",
    "Please send it to the address in the e-mail.",
    "You need to confirm it yourself.",
    "We are open from Monday to Friday.",
    "We are closed on Sundays.",
    "Our office is closed today.",
    "We are located in the centre.",
    "Refunds take five days.",
    "Cancelled orders are refunded automatically.",
    "The label is in the parcel.",
    "A return is free of charge.",
    "You will be refunded to the same card.",
    "The money will be returned to you.",
    "Your refund will be issued within a week.",
    "I'm sorry about that.",
    "I understand.",
    "Sure, what is your order number?",
    "A colleague can help you with that.",
    "To cancel an order, tell me its number.",
    "I don't know that.",
    "One moment.",
    "One moment, please.",
    "Just a second.",
    "I can't confirm that yet.",
    "We accept all cards.",
    "Shipping is free from fifty euros.",
    "It is included in the price.",
    "Payment is due on delivery.",
    "Is there anything else?",
    "Thank you for calling.",
    "You ordered it online.",
    "If you paid by card, it goes back to the card.",
    // Mandarin
    "收到商品后三十天之内都可以退货。",
    "退款会在五天内原路退回。",
    "您可以在网站上取消订单。",
    "我可以帮您取消。",
    "订单还没有取消。",
    "订单尚未发货。",
    "我没有取消您的订单。",
    "无法取消已经发货的订单。",
    "已经发货的订单不能取消。",
    "如果已经付款，款项会原路退回。",
    "订单取消后，款项会退回。",
    "收到退货之后我们会退款。",
    "发货以后您会收到短信。",
    "您的订单已经取消了吗？",
    "需要我帮您取消吗？",
    "要不要帮您预约？",
    "请您提供订单号。",
    "请确认您的地址。",
    "我们周一到周五营业。",
    "退款需要三到五个工作日。",
    "处理时间一般是两天。",
    "下午两点以前下的订单当天发货。",
    "您需要先登录账户。",
    "运费由我们承担。",
    "请稍等。",
    "稍等一下。",
    "这一点我现在还不能确认。",
    "我不太清楚。",
    "可以用支付宝支付。",
    "我们支持货到付款。",
    "退货流程很简单。",
    "取消订单需要订单号。",
    "还有什么可以帮您？",
    "感谢您的来电。",
    "已付款的订单会优先发货。",
    "一旦发货就不能修改地址。",
    "您想取消哪个订单？",
    "商品要保持完好。",
    "如需修改，请告诉我。",
    "一切以页面为准。",
];

fn wrong(clauses: &[&str], claims: bool) -> Vec<String> {
    let read = |clause: &str| Claims::default().read(clause);
    clauses
        .iter()
        .filter(|clause| read(clause).is_empty() == claims)
        .map(|clause| format!("{clause} {:?}", read(clause)))
        .collect()
}

#[test]
fn claims_are_found() {
    let missed = wrong(CLAIMS, true);
    assert!(
        missed.is_empty(),
        "{} of {} missed:\n{}",
        missed.len(),
        CLAIMS.len(),
        missed.join("\n")
    );
}

#[test]
fn what_is_no_claim_is_said() {
    let blamed = wrong(NO_CLAIMS, false);
    assert!(
        blamed.is_empty(),
        "{} of {} blamed:\n{}",
        blamed.len(),
        NO_CLAIMS.len(),
        blamed.join("\n")
    );
}

#[test]
fn a_condition_holds_to_the_end_of_its_sentence() {
    let mut claims = Claims::default();
    assert_eq!(claims.read("Once your return has arrived,"), []);
    assert_eq!(claims.read("your refund is issued."), []);
    assert_eq!(claims.read("Your refund is issued."), [Action::Open]);
    assert_eq!(claims.read("If you look,"), []);
    assert_eq!(claims.read("I have cancelled it."), [Action::Cancel]);
}

#[test]
fn what_nobody_told_is_not_said() {
    let guard = Guard::new(&[], English);
    let grounds = "You can return anything within thirty days. Write to help@acme.example or see www.acme.example/returns. It costs $4.90. 40718263";
    for fine in [
        "You have 30 days.",
        "It costs 4.90.",
        "Write to help at acme dot example.",
        "It is on acme.example.",
        "See https://www.acme.example/returns.",
        "Your order is 40718263.",
        "One moment.",
    ] {
        assert_eq!(guard.judge(fine, grounds), Ok(()), "{fine}");
    }
    for invented in [
        "You have 60 days.",
        "You have sixty days.",
        "That is $49.",
        "It costs 4.99.",
        "Write to refunds@acme.example.",
        "Write to help at evil dot example.",
        "See evil.example/acme.example.",
        "Go to acme-returns.example.",
        "Your order is 40718264.",
        "You get it for free.",
        "I guarantee it.",
        "There is a discount for you.",
        "You get your money back twice, 40718263 and 77.",
    ] {
        assert!(guard.judge(invented, grounds).is_err(), "{invented}");
    }
    let guard = Guard::new(&[], Mandarin);
    let grounds = "三十天之内都可以退货，运费十元，详见acme.example。";
    for fine in [
        "30天内可以退货。",
        "运费是十元。",
        "请看acme点example。",
        "请看acme.example",
    ] {
        assert_eq!(guard.judge(fine, grounds), Ok(()), "{fine}");
    }
    for invented in [
        "六十天内可以退货。",
        "运费是20元。",
        "请看evil点com。",
        "我们保证退款。",
        "退货免费。",
    ] {
        assert!(guard.judge(invented, grounds).is_err(), "{invented}");
    }
}

#[test]
fn what_the_plan_forbids_is_not_said() {
    let never = [
        "promise a refund amount".to_owned(),
        "ask for a full card number".to_owned(),
    ];
    let guard = Guard::new(&never, English);
    let grounds = "Your refund is 50 dollars. Refunds take 5 days.";
    assert!(
        matches!(guard.judge("You get a refund of 50 dollars.", grounds), Err(Refusal::Forbidden(words)) if words == never[0])
    );
    assert!(
        matches!(guard.judge("What is your card number?", grounds), Err(Refusal::Forbidden(words)) if words == never[1])
    );
    assert_eq!(guard.judge("A refund goes back to your card.", grounds), Ok(()));
    assert_eq!(guard.judge("What is your order number?", grounds), Ok(()));
    let guard = Guard::new(&never[..1], Mandarin);
    assert!(guard.judge("您的退款是50元。", "退款50元").is_err());
    assert_eq!(guard.judge("退款会原路退回。", "退款会原路退回"), Ok(()));
}

#[test]
fn a_claim_waits_for_its_deed() {
    let mut deeds = Deeds::default();
    let claim = "I have opened your return.";
    assert_eq!(
        Gate::new(English).pass(claim, "", &deeds),
        Passed::Instead("I can't confirm that yet.")
    );
    deeds.begin("k", "open_return");
    let mut gate = Gate::new(English);
    assert_eq!(
        gate.pass("Certainly.", "", &deeds),
        Passed::Speak("Certainly.".to_owned())
    );
    assert_eq!(gate.pass(claim, "", &deeds), Passed::Held);
    assert_eq!(gate.pass("Pack it well.", "", &deeds), Passed::Held, "in its order");
    assert_eq!(gate.settle(&deeds), Vec::<String>::new());
    let mut other = gate.clone();
    deeds.succeeded("k", BTreeMap::new());
    assert_eq!(gate.settle(&deeds), [claim, "Pack it well."]);
    assert!(!gate.holds());
    assert_eq!(
        gate.pass("All done.", "", &deeds),
        Passed::Speak("All done.".to_owned())
    );
    assert_eq!(
        gate.pass("I have refunded your card.", "", &deeds),
        Passed::Instead("I can't confirm that yet.")
    );
    assert_eq!(gate.pass("Goodbye.", "", &deeds), Passed::Dropped);

    let mut failed = Deeds::default();
    failed.begin("k", "open_return");
    failed.failed("k");
    assert_eq!(other.settle(&failed), ["I can't confirm that yet."]);
    assert_eq!(other.pass("Anything else?", "", &failed), Passed::Dropped);
}

#[test]
fn the_words_of_a_passage_are_the_business_s_own() {
    let passage = "Good news: your deposit has been waived since May.";
    assert_eq!(
        Gate::new(English).pass("your deposit has been waived since May.", passage, &Deeds::default()),
        Passed::Speak("your deposit has been waived since May.".to_owned())
    );
}

proptest! {
    #[test]
    fn any_text_is_judged(clause: String, grounds: String) {
        let _ = Claims::default().read(&clause);
        for language in Language::ALL {
            let _ = Guard::new(std::slice::from_ref(&grounds), language).judge(&clause, &grounds);
        }
    }

    /// Frames of claims hold whatever is claimed, and their denials do not.
    #[test]
    fn frames_of_claims(
        verb in prop::sample::select(vec!["cancelled", "booked", "updated", "refunded", "sent", "created", "charged", "escalated", "checked", "approved"]),
        thing in prop::sample::select(vec!["order", "refund", "appointment", "parcel", "subscription", "account", "address"]),
        adverb in prop::sample::select(vec!["", "just ", "already ", "now ", "successfully "]),
    ) {
        let claims = |clause: &str| !Claims::default().read(clause).is_empty();
        let clause = format!("I have {adverb}{verb} your {thing}.");
        prop_assert!(claims(&clause), "{}", clause);
        let clause = format!("I {adverb}{verb} your {thing},");
        prop_assert!(claims(&clause), "{}", clause);
        let clause = format!("Your {thing} has {adverb}been {verb}.");
        prop_assert!(claims(&clause), "{}", clause);
        let clause = format!("Your {thing} was {adverb}{verb}.");
        prop_assert!(claims(&clause), "{}", clause);
        let clause = format!("Okay, we've {adverb}{verb} the {thing} for you.");
        prop_assert!(claims(&clause), "{}", clause);
        if !adverb.starts_with("succ") {
            let clause = format!("I have not {adverb}{verb} your {thing}.");
        prop_assert!(!claims(&clause), "{}", clause);
            let clause = format!("Has your {thing} {adverb}been {verb}?");
        prop_assert!(!claims(&clause), "{}", clause);
            let clause = format!("If your {thing} has {adverb}been {verb}, tell me.");
        prop_assert!(!claims(&clause), "{}", clause);
            let clause = format!("Your {thing} can be {verb} at any time.");
        prop_assert!(!claims(&clause), "{}", clause);
        }
    }

    #[test]
    fn frames_in_mandarin(
        verb in prop::sample::select(vec!["取消", "退款", "预约", "修改", "发货", "登记", "扣款", "通知", "处理"]),
    ) {
        let claims = |clause: &str| !Claims::default().read(clause).is_empty();
        let clause = format!("已经为您{verb}了。");
        prop_assert!(claims(&clause), "{}", clause);
        let clause = format!("我帮您{verb}了。");
        prop_assert!(claims(&clause), "{}", clause);
        let clause = format!("已{verb}成功。");
        prop_assert!(claims(&clause), "{}", clause);
        let clause = format!("还没有{verb}。");
        prop_assert!(!claims(&clause), "{}", clause);
        let clause = format!("已经{verb}了吗？");
        prop_assert!(!claims(&clause), "{}", clause);
        let clause = format!("我可以为您{verb}。");
        prop_assert!(!claims(&clause), "{}", clause);
        let clause = format!("{verb}之后会通知您。");
        prop_assert!(!claims(&clause), "{}", clause);
    }
}
