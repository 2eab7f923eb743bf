//! The real program, with real models, real SIP and real RTP: rung by its own scripted callers and by other people's phones.

mod agents;
mod baresip;
mod bot;
mod browser;
mod callers;
mod calling_back;
mod campaigning;
mod chromium;
mod conformance;
mod desk;
mod doctor;
mod handing;
mod hostile;
mod kamailio;
mod misfortune;
mod openid;
mod passing;
mod peers;
mod people;
mod placed;
mod plans;
mod seats;
mod soak;
mod softphone;
mod voices;
mod waiting;
