//! Kinds of actions, and the words for them.

/// What somebody may claim to have done. A claim is backed by a deed of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Cancel,
    Book,
    Change,
    Refund,
    /// Goods sent back; no money.
    Return,
    Send,
    Open,
    Pay,
    /// Told to somebody, or written down.
    PassOn,
    /// Looked at: an account, an order.
    LookUp,
    /// Done, whatever it was.
    Settle,
}

/// The forms of an English verb that a word may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Forms {
    pub base: bool,
    pub past: bool,
    pub ing: bool,
}

/// Verbs by kind: the base, the past forms, the form in -ing; a comma between verbs.
const ENGLISH: [(Action, &str); 11] = [
    (
        Action::Cancel,
        "cancel cancelled canceled cancelling canceling,delete deleted deleting,remove removed removing,close closed closing,\
         terminate terminated terminating,void voided voiding,withdraw withdrew withdrawn withdrawing,revoke revoked revoking,\
         unsubscribe unsubscribed unsubscribing,stop stopped stopping",
    ),
    (
        Action::Book,
        "book booked booking,reserve reserved reserving,schedule scheduled scheduling,arrange arranged arranging",
    ),
    (
        Action::Change,
        "change changed changing,update updated updating,amend amended amending,modify modified modifying,\
         move moved moving,reschedule rescheduled rescheduling,correct corrected correcting,adjust adjusted adjusting,\
         edit edited editing,extend extended extending,upgrade upgraded upgrading,downgrade downgraded downgrading,\
         replace replaced replacing,switch switched switching,exchange exchanged exchanging,renew renewed renewing",
    ),
    (
        Action::Refund,
        "refund refunded refunding,reimburse reimbursed reimbursing,credit credited crediting,\
         compensate compensated compensating,waive waived waiving",
    ),
    (Action::Return, "return returned returning"),
    (
        Action::Send,
        "send sent sending,email emailed emailing,mail mailed mailing,text texted texting,ship shipped shipping,\
         dispatch dispatched dispatching,post posted posting,deliver delivered delivering,resend resent resending,\
         - arrived,- left,- reached",
    ),
    (
        Action::Open,
        "open opened opening,create created creating,file filed filing,submit submitted submitting,\
         register registered registering,issue issued issuing,raise raised raising,place placed placing,set set setting,\
         add added adding,order ordered ordering,enroll enrolled enrolling,generate generated generating,\
         start started starting,initiate initiated initiating,request requested requesting,apply applied applying",
    ),
    (
        Action::Pay,
        "pay paid paying,charge charged charging,bill billed billing,deduct deducted deducting,deposit deposited depositing,\
         invoice invoiced invoicing",
    ),
    (
        Action::PassOn,
        "transfer transferred transferring,connect connected connecting,escalate escalated escalating,\
         inform informed informing,notify notified notifying,tell told telling,contact contacted contacting,\
         pass passed passing,note noted noting,record recorded recording,save saved saving,flag flagged flagging,\
         log logged logging,forward forwarded forwarding,report reported reporting,alert alerted alerting,ask asked asking",
    ),
    (
        Action::LookUp,
        "check checked checking,find found finding,look looked looking,locate located locating,verify verified verifying,\
         review reviewed reviewing,pull pulled pulling,access accessed accessing,see saw seen seeing",
    ),
    (
        Action::Settle,
        "complete completed completing,finish finished finishing,process processed processing,approve approved approving,\
         confirm confirmed confirming,fix fixed fixing,resolve resolved resolving,sort sorted sorting,\
         handle handled handling,activate activated activating,deactivate deactivated deactivating,\
         unlock unlocked unlocking,lock locked locking,block blocked blocking,reset reset resetting,enable enabled enabling,\
         disable disabled disabling,clear cleared clearing,accept accepted accepting,grant granted granting,\
         execute executed executing,finalize finalized finalizing,finalise finalised finalising,settle settled settling,\
         - done,- made,- accomplished",
    ),
];

/// Verbs by kind, the longer ones of a kind first.
const MANDARIN: [(Action, &str); 11] = [
    (Action::Cancel, "取消 撤销 撤回 作废 注销 关闭 删除 退订 终止 停掉"),
    (Action::Book, "预约 预订 预定 约好 订好 安排 预留"),
    (
        Action::Change,
        "修改 更改 更新 变更 改签 改期 调整 更换 升级 延长 续费 换货 改好 改成 改到 换成 换好",
    ),
    (Action::Refund, "退款 退还 返还 补偿 赔偿 减免 退回 退钱 退了 退到"),
    (Action::Return, "退货"),
    (
        Action::Send,
        "发送 发货 发出 寄出 寄送 派送 配送 补发 重发 送达 送出 送到 发到 发给 寄给 寄到 发了 寄了",
    ),
    (
        Action::Open,
        "创建 开通 登记 提交 申请 注册 生成 下单 办理 添加 建立 设置 开具 订购 发起 开好 开了",
    ),
    (Action::Pay, "支付 扣款 付款 收取 转账 到账 扣除 入账 充值 付了 扣了"),
    (
        Action::PassOn,
        "转接 转给 通知 记录 记下 备注 反馈 上报 转达 联系 转告 保存 报告 告诉",
    ),
    (Action::LookUp, "查到 查询 查过 查了 核实 核对 找到 看到 查看 调出"),
    (
        Action::Settle,
        "完成 处理 解决 激活 解锁 重置 冻结 批准 通过 生效 搞定 办好 办妥 办完 弄好 做好 审核 受理 确认 成功",
    ),
];

/// Whether `word` (in small letters) is a verb of a known kind, and in which forms.
pub(super) fn english(word: &str) -> Option<(Action, Forms)> {
    for (action, verbs) in ENGLISH {
        let mut forms = Forms::default();
        for verb in verbs.split(',') {
            for (at, form) in verb.split_whitespace().enumerate() {
                if form != word {
                    continue;
                }
                match at {
                    0 => forms.base = true,
                    _ if form.ends_with("ing") => forms.ing = true,
                    _ => forms.past = true,
                }
            }
        }
        if forms != Forms::default() {
            return Some((action, forms));
        }
    }
    None
}

/// Where Mandarin verbs stand in a text, in bytes, with their kinds; of those at one place the longest.
pub(super) fn mandarin(text: &str) -> Vec<(usize, usize, Action)> {
    let mut found: Vec<(usize, usize, Action)> = Vec::new();
    for (action, verbs) in MANDARIN {
        for verb in verbs.split(' ') {
            found.extend(text.match_indices(verb).map(|(at, verb)| (at, at + verb.len(), action)));
        }
    }
    found.sort_by_key(|(from, to, _)| (*from, std::cmp::Reverse(*to)));
    found.dedup_by_key(|(from, ..)| *from);
    found
}

/// The kinds of action that the words of a deed name: those of its tool, of the question before it.
pub(super) fn named(words: &str) -> Vec<Action> {
    let words = super::plain(words).replace(['_', '-'], " ");
    let mut kinds: Vec<Action> = super::tokens(&words)
        .iter()
        .filter_map(|word| english(word))
        .map(|(kind, _)| kind)
        .collect();
    kinds.extend(mandarin(&words).into_iter().map(|(_, _, kind)| kind));
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
