//! What is said by whoever answers: a table of greetings, for voices to speak.

use crate::campaign::outcome::AnsweredBy;
use crate::language::Language;

/// One kind of greeting, and its wordings in English and Mandarin.
pub struct Greetings {
    pub kind: &'static str,
    pub whom: AnsweredBy,
    pub english: &'static [&'static str],
    pub mandarin: &'static [&'static str],
}

pub const GREETINGS: &[Greetings] = &[
    Greetings {
        kind: "short hello",
        whom: AnsweredBy::Human,
        english: &[
            "Hello?",
            "Hi.",
            "Yes?",
            "Good morning.",
            "Yeah, hello?",
            "Hello, hello?",
            "Speaking.",
            "Anna speaking.",
            "This is Bob.",
            "Hello, this is Margaret Johnson.",
            "Hello, who is this?",
            "What is it?",
        ],
        mandarin: &[
            "喂？",
            "喂，你好。",
            "您好，哪位？",
            "你好，请讲。",
            "喂，谁啊？",
            "哎，你好你好。",
            "喂，听得到吗？",
        ],
    },
    Greetings {
        kind: "long greeting",
        whom: AnsweredBy::Human,
        english: &[
            "Thank you for calling Miller's Hardware, this is Dave speaking, how can I help you today?",
            "Good afternoon, the Johnson family, Susan speaking, who is calling please?",
            "Hi there, sorry, it is really loud here, can you hear me all right?",
            "Hello? Hold on a second, I'm just closing the door. Okay, I'm here now.",
            "Doctor Green's office, this is Mary, what can I do for you?",
            "Hello, my husband isn't in right now, can I take a message?",
        ],
        mandarin: &[
            "您好，这里是阳光宾馆前台，请问有什么可以帮您？",
            "喂，你好，我现在在外面，有点吵，你是哪位啊？",
            "喂，等一下啊，我把电视关小一点。好了，你说吧。",
        ],
    },
    Greetings {
        kind: "machine",
        whom: AnsweredBy::Machine,
        english: &[
            "Hi, you've reached Bob. I can't come to the phone right now, so please leave a message after the beep.",
            "Hello, this is Anna. I'm sorry I missed your call. Leave your name and number, and I'll get back to you as soon as I can.",
            "Your call has been forwarded to an automated voice messaging system. Please record your message after the tone.",
            "The person you are calling is not available. At the tone, please record your message. When you have finished recording, you may hang up.",
            "You have reached the voicemail of five five five, one two three four. Please leave a message.",
            "Hey, it's Mike. You know what to do. Wait for the beep.",
            "We're not able to take your call right now. If you leave your name and a short message, we'll return your call.",
            "Thank you for calling Green Dental. Our office is closed. Please leave a message, and we will call you back on the next business day.",
        ],
        mandarin: &[
            "您好，我现在不方便接听电话，请在提示音后留言。",
            "您好，这里是王先生的语音信箱，请在听到滴的一声后留言。",
            "您拨打的用户暂时无法接听您的电话，请在提示音后留言，录音完毕请挂机。",
            "你好，我是小李，我现在不在家，有事请留言，我会尽快给您回电话。",
            "您好，现在是下班时间，请留下您的姓名和电话，我们会尽快与您联系。",
        ],
    },
    Greetings {
        kind: "menu",
        whom: AnsweredBy::Ivr,
        english: &[
            "Welcome to Acme. For sales, press one. For support, press two. For all other questions, stay on the line.",
            "Thank you for calling City Bank. Please listen carefully, as our menu options have changed.",
            "All of our representatives are currently busy. Please stay on the line, and your call will be answered by the next available representative.",
        ],
        mandarin: &[
            "欢迎致电客户服务中心，普通话服务请按一，英语服务请按二。",
            "您好，坐席忙，请稍候，您的电话正在排队。",
        ],
    },
    Greetings {
        kind: "screener",
        whom: AnsweredBy::Screening,
        english: &[
            "Hi, the person you're calling is using a screening service. Go ahead and say your name, and why you're calling.",
            "Hi. If you record your name and reason for calling, I'll see if this person is available.",
            "The party you are trying to reach does not accept unidentified calls. Please state your name after the tone.",
        ],
        mandarin: &[
            "您好，我是机主的智能助理，机主现在不方便接电话，请问您有什么事？",
            "您好，我是他的语音助手，请说明来意，我会帮您转达。",
        ],
    },
    Greetings {
        kind: "network",
        whom: AnsweredBy::Intercept,
        english: &[
            "We're sorry. The number you have dialed is not in service. Please check the number and dial again.",
            "Your call cannot be completed as dialed. Please check the number and try your call again.",
            "The number you have reached has been disconnected or is no longer in service.",
        ],
        mandarin: &[
            "对不起，您拨打的电话已关机，请稍后再拨。",
            "对不起，您拨打的号码是空号，请核对后再拨。",
            "您好，您拨打的电话正在通话中，请稍后再拨。",
        ],
    },
];

impl Greetings {
    pub fn in_language(&self, language: Language) -> &'static [&'static str] {
        match language {
            Language::English => self.english,
            Language::Mandarin => self.mandarin,
        }
    }
}
