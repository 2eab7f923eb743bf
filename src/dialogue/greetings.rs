//! Who answers a call that the bot made, by the first words: a person, a machine, a menu, an assistant that asks who calls, or the network.
//!
//! Phrases that are seldom said by anybody else, in either language; a half sentence may be enough. In doubt it says nothing: whoever asked goes by
//! how it was said.

use super::words::{find, plain, tokens};
use crate::campaign::outcome::AnsweredBy;
use crate::language::Language;

/// Whom phrases are of, in English (found word by word; `*` is any one word) and in Mandarin. What stands first counts.
const PHRASES: [(AnsweredBy, &str, &str); 6] = [
    // Assistants that ask who calls, and lines that take no strangers.
    (
        AnsweredBy::Screening,
        "screening service,call screening,screening your call,screen calls,screen your call,say your name,state your name,announce your name,\
         record your name and,record your name after,name and reason for calling,name and the reason,why you're calling,why you are calling,reason for your call,\
         unidentified calls,unidentified callers,anonymous calls,see if this person is available,see if they are available,\
         see if they're available,check if they are available,virtual assistant for,personal assistant for,digital assistant",
        "机主,语音助手,智能助手,智能助理,语音助理,电话助理,电话秘书,智能秘书,代接,代为接听,来电助手,帮您转达,为您转达,说明来意,来电意图,通信助理",
    ),
    // What persons say at the telephone of a firm, or for somebody else; and no machine does.
    (
        AnsweredBy::Human,
        "how can i help,how may i help,how can we help,how may we help,can i help you,may i help you,how can i direct,how may i direct,what can i do for you,take a message,\
         who's calling,who is calling,who am i speaking,who's this,who is this,who's speaking,who is speaking,wrong number,what do you want,\
         is speaking,this is he,this is she,speaking how,speaking what",
        "您是哪位,你是哪位,你是谁,您是谁,哪一位,找哪位,找谁,打错了,有什么可以帮,我帮您叫,他不在,她不在",
    ),
    (
        AnsweredBy::Machine,
        "leave a message,leave your message,leave me a message,leave us a message,leave a brief,leave a short,leave a detailed,leave your name,leave your number,\
         leave a name,leave me your,leave us your,leave your contact,leave your details,your message after,message after the,message at the,\
         record your message,record a message,begin recording,finished recording,done recording,\
         after the tone,at the tone,after the beep,at the beep,after the signal,sound of the tone,sound of the beep,hear the beep,hear the tone,\
         wait for the beep,wait for the tone,you've reached,you have reached,you reached the,you are through to,you're through to,voicemail,voice mail,\
         voice mailbox,voice message,voice messaging,mailbox,answering machine,answerphone,answering service,\
         can't take your call,cannot take your call,can't take the call,unable to take your call,not able to take your call,can't take your,not able to take calls,\
         i can't come to,we can't come to,i cannot come to,we cannot come to,unable to come to the phone,unable to answer,can't answer,cannot answer the,\
         can't get to the phone,cannot get to the phone,get to the phone right now,to take your call,to answer your call,answer your call right now,sorry i missed,sorry we missed,\
         missed your call,return your call,get back to you as soon,call you back as soon,get back to you when,\
         the person at extension,person you're trying to,person you are trying to,the person you have called,the person you've called,the person you called,\
         person you are calling,the subscriber you,customer you are calling,the customer you have,is forwarded to,been forwarded to,\
         away from my desk,away from my phone,away from the phone,out of the office,not home right now,not in the office right now,office is closed,\
         offices are closed,currently closed,now closed,we are closed,business hours,office hours,opening hours,hours of operation",
        "留言,留个言,提示音,滴声,嘀声,哔声,滴的一声,嘀的一声,哔的一声,滴一声,嘀一声,信箱,不方便接听,不便接听,不能接听,无法接听,没法接听,未能接听,\
         没法接电话,不能接电话,不方便接电话,无法接电话,不在家,尽快回复,尽快给您回,尽快回电,尽快和您联系,尽快与您联系,录音机,答录,下班时间,非工作时间,工作时间为,工作时间是",
    ),
    // The network's own announcements.
    (
        AnsweredBy::Intercept,
        "not in service,no longer in service,out of service,been disconnected,is disconnected,not a working number,as dialed,as dialled,check the number,\
         number has been changed,number has changed,number you have reached is,number you dialed is not,number you dialled is not,is not assigned,does not exist,\
         not been recognised,not been recognized,not recognised,number is incorrect,circuits are busy,call cannot be completed,call could not be completed,\
         call can not be completed,unable to complete your call,check your number,dial again,try your call again,number you are calling is switched off,\
         is switched off,phone is turned off,network is busy",
        "您拨打的,你拨打的,您所拨打,您呼叫的,拨叫的,空号,已关机,已停机,停机,暂停服务,无法接通,暂时无人接听,不在服务区,正在通话中,请稍后再拨,请核对后再拨,查证后再拨,号码有误,网络忙,号码不存在",
    ),
    (
        AnsweredBy::Ivr,
        "press 0,press 1,press 2,press 3,press 4,press 5,press 6,press 7,press 8,press 9,press zero,press one,press two,press three,press four,press five,press six,press seven,\
         press eight,press nine,press star,press or say,say or press,main menu,following menu,following options,following * options,menu options,options have changed,listen carefully,\
         for english,para español,para espanol,your party's extension,party's extension,dial by name,you can say,in a few words,representatives are,representative will be,\
         agents are currently,agents are busy,all of our agents,all of our representatives,all of our operators,all of our lines,your call is important,your call will be answered,\
         call will be answered,calls are answered,next available,stay on the line and,please hold while,please hold for the,estimated wait,place in the queue,caller in the queue,\
         calls may be recorded,call may be recorded,call may be monitored,call is being recorded,calls are recorded",
        "请按1,请按一,请按2,请按二,请按0,请按零,按1,按一,按2,按二,按0,按零,请按井号,请按星号,请选择,人工服务请,人工客服请,座席忙,坐席忙,坐席全忙,客服忙,排队,请稍候为您转接,转人工,\
         来电将被录音,通话将被录音,电话将被录音,业务咨询请,欢迎致电,欢迎拨打,感谢您的来电请,分机号",
    ),
    // Words that machines say too, but not at first.
    (
        AnsweredBy::Human,
        "",
        "请讲,请说,说吧,什么事,干嘛,听得见吗,听得到吗,听不见,听不到",
    ),
];

/// How persons begin, in English and Mandarin: alone, or with a word or two more.
const HELLOS: [&str; 2] = [
    "hello,hallo,hullo,hi,hey,hiya,yes,yeah,yep,yup,yo,what,who,speaking,good morning,good afternoon,good evening,go ahead,i'm here,i'm listening,ahoy,morning,evening",
    "喂,你好,您好,哈喽,哈罗,嗨,诶,哎,嗯,是的,是我,对,谁,哪位,什么,早,早上好,下午好,晚上好,你说,您说,请问,在",
];
/// So many words, or characters, are no more than that.
const FEW_WORDS: usize = 3;
const FEW_CHARACTERS: usize = 6;

/// "One moment, please": whoever says it is about to do something, or somebody else is to come.
pub fn asks_patience(words: &str, language: Language) -> bool {
    let plain = plain(words);
    match language {
        Language::English => says(
            &tokens(&plain),
            "hold,holding,moment,a second,stay on the line,connecting,connect you,putting you through,being recorded",
        ),
        Language::Mandarin => phrases("稍等,稍候,请等,不要挂,别挂,转接,为您接通").any(|phrase| plain.contains(phrase)),
    }
}

/// Who says `words`, if they tell.
pub fn answers(words: &str, language: Language) -> Option<AnsweredBy> {
    let plain = plain(words);
    let tokens = tokens(&plain);
    let found = PHRASES.iter().find(|(_, english, mandarin)| match language {
        Language::English => says(&tokens, english),
        Language::Mandarin => phrases(mandarin).any(|phrase| plain.contains(phrase)),
    });
    match found {
        Some((whom, ..)) => Some(*whom),
        None => is_hello(&tokens, language).then_some(AnsweredBy::Human),
    }
}

/// "Hello?", and not much more.
fn is_hello(tokens: &[String], language: Language) -> bool {
    let [english, mandarin] = HELLOS;
    match language {
        Language::English => {
            let first = phrases(english).any(|hello| {
                let hello: Vec<&str> = hello.split(' ').collect();
                tokens.len() >= hello.len() && tokens.iter().zip(&hello).all(|(token, word)| token == word)
            });
            first && tokens.len() <= FEW_WORDS
        }
        Language::Mandarin => {
            let text: String = tokens.concat();
            text.chars().count() <= FEW_CHARACTERS && phrases(mandarin).any(|hello| text.starts_with(hello))
        }
    }
}

fn says(tokens: &[String], english: &str) -> bool {
    phrases(english).any(|phrase| {
        let words: Vec<&str> = phrase.split(' ').collect();
        if words.contains(&"*") {
            return tokens.windows(words.len()).any(|window| {
                window
                    .iter()
                    .zip(&words)
                    .all(|(token, word)| *word == "*" || token == word)
            });
        }
        find(tokens, &words).is_some()
    })
}

fn phrases(table: &str) -> impl Iterator<Item = &str> {
    table.split(',').map(str::trim).filter(|phrase| !phrase.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use AnsweredBy::{Human, Intercept, Ivr, Machine, Screening};
    use Language::{English, Mandarin};

    #[test]
    fn who_answers_is_told_by_their_words() {
        for (words, wanted) in [
            ("Hello?", Some(Human)),
            ("Yes, hello.", Some(Human)),
            ("Good morning.", Some(Human)),
            ("Hello, Allison.", Some(Human)),
            ("Okay, I'm here. Hi.", None),
            (
                "Thank you for calling. This is Dave speaking. How can I help you?",
                Some(Human),
            ),
            ("He's not in right now, can I take a message?", Some(Human)),
            ("Smith residence, who's calling please?", Some(Human)),
            ("You've got the wrong number.", Some(Human)),
            ("This is Anna.", None),
            ("Hi, you've reached", Some(Machine)),
            ("Hi, this is Bob.", None),
            ("Hi, this is Bob. I can't come to the phone right now.", Some(Machine)),
            ("The person at extension, five, five, five, one,", Some(Machine)),
            (
                "Nobody is available to take your call at the moment. Please leave your message after the tone when done hang up or press the pound key.",
                Some(Machine),
            ),
            (
                "The person at extension 1-0-0-0 is not available. Record your message at the tone.",
                Some(Machine),
            ),
            (
                "Your call has been forwarded to an automated voice messaging system.",
                Some(Machine),
            ),
            (
                "At the tone, please record your message. When you've finished recording, you may hang up or press 1 for more options.",
                Some(Machine),
            ),
            (
                "The number you have dialed is not in service. Please check the number and try again.",
                Some(Intercept),
            ),
            ("The number you have dialed", None),
            ("We're sorry, your call cannot be completed as dialed.", Some(Intercept)),
            (
                "All of our representatives are currently busy. Please stay on the line and your call will be answered by the next available representative.",
                Some(Ivr),
            ),
            ("Welcome to Acme. For sales, press 1.", Some(Ivr)),
            (
                "The party or trying to reach does not accept unidentified calls.",
                Some(Screening),
            ),
            (
                "Hi, the person you're calling is using a screening service from Google. Go ahead and say your name, and why you're calling.",
                Some(Screening),
            ),
            (
                "Hi, if you record your name and reason for calling, I'll see if this person is available.",
                Some(Screening),
            ),
            ("I'm driving, I'll call you back later", None),
            ("", None),
        ] {
            assert_eq!(answers(words, English), wanted, "{words}");
        }
    }

    #[test]
    fn and_in_mandarin() {
        for (words, wanted) in [
            ("喂？", Some(Human)),
            ("喂，你好。", Some(Human)),
            ("您好，请问您是哪位？", Some(Human)),
            ("什么事啊？", Some(Human)),
            ("您好，我现在不方便接听电话，请在提示音后留言。", Some(Machine)),
            ("您拨打的用户暂时无法接听，请在滴声后留言。", Some(Machine)),
            ("對不起，您撥打的電話已關機。", Some(Intercept)),
            ("您拨打的号码是空号，请核对后再拨。", Some(Intercept)),
            ("普通话服务请按一", Some(Ivr)),
            ("您好，我是机主的智能助理，请问您有什么事？", Some(Screening)),
            ("今天天气不错", None),
        ] {
            assert_eq!(answers(words, Mandarin), wanted, "{words}");
        }
    }

    #[test]
    fn who_asks_for_patience_is_not_done() {
        assert!(asks_patience("Thanks. Please stay on the line.", English));
        assert!(asks_patience("请稍等", Mandarin));
        assert!(!asks_patience("Yes, what is it?", English));
    }

    proptest! {
        #[test]
        fn any_words_are_read(words: String) {
            for language in Language::ALL {
                let _ = answers(&words, language);
            }
        }
    }
}
