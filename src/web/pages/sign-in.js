// Signing in and out. Words in both languages; what the server refuses is told by its word for it.
"use strict";

const TEXTS = {
  en: {
    heading: "Sign in", name: "Name", password: "Password", code: "Code", submit: "Sign in", signOut: "Sign out",
    codeHint: "Six digits from your authenticator app.",
    inside: (who) => `Signed in as ${who}`,
    openid: (provider) => `Sign in with ${provider}`,
    roles: { agent: "Agent", supervisor: "Supervisor", ops: "Operations" },
    problems: {
      credentials: "The name or the password is wrong.",
      askCode: "Type the code that your authenticator app shows.",
      code: "This code is wrong, old, or was used already. Wait for the next one.",
      often: (wait) => `Too many attempts. Try again in ${wait} s.`,
      origin: "This address is not the one that the bot is set up for. Ask whoever runs it.",
      network: "The bot cannot be reached. Check your connection and try again.",
      openid_down: "The sign-in service cannot be reached. Try again in a moment; who has a password can use it meanwhile.",
      openid_stray: "That took too long, or was begun in another window. Sign in again from here.",
      openid_denied: "The sign-in service did not let you in.",
      openid_unproven: "What the sign-in service said could not be verified. Try again; if it stays so, ask whoever runs the bot.",
      openid_nameless: "The sign-in service did not give a name, or a verified address, that can be used here. Ask whoever runs the bot.",
      openid_stranger: "You are known to the sign-in service, but have no account here, or it is disabled. Ask whoever runs the bot.",
      other: "That did not work. Try again; if it stays so, ask whoever runs the bot.",
    },
  },
  zh: {
    heading: "登录", name: "用户名", password: "密码", code: "验证码", submit: "登录", signOut: "退出登录",
    codeHint: "验证器应用上显示的六位数字。",
    inside: (who) => `已登录：${who}`,
    openid: (provider) => `使用 ${provider} 登录`,
    roles: { agent: "坐席", supervisor: "班长", ops: "运维" },
    problems: {
      credentials: "用户名或密码不正确。",
      askCode: "请输入验证器应用上显示的验证码。",
      code: "验证码不正确、已过期或已使用过，请等待下一个。",
      often: (wait) => `尝试次数过多，请在 ${wait} 秒后重试。`,
      origin: "此地址与系统设置的地址不符，请联系管理员。",
      network: "无法连接到系统，请检查网络后重试。",
      openid_down: "无法连接到登录服务，请稍后重试；有密码的用户可先用密码登录。",
      openid_stray: "登录已超时，或是在其他窗口中开始的，请从这里重新登录。",
      openid_denied: "登录服务未允许您登录。",
      openid_unproven: "无法验证登录服务返回的信息，请重试；如仍不行，请联系管理员。",
      openid_nameless: "登录服务未提供可在此使用的用户名或已验证的邮箱，请联系管理员。",
      openid_stranger: "登录服务认识您，但您在此没有帐号，或帐号已被停用，请联系管理员。",
      other: "操作未成功，请重试；如仍不行，请联系管理员。",
    },
  },
};
const TITLES = { en: "Sign in · Offhook", zh: "登录 · Offhook" };
const LANGUAGE = "offhook-language";
// Who works at the desk, and where that is.
const AT_DESK = ["agent", "supervisor"];
const DESK = "/desk";

const at = (id) => document.getElementById(id);
let language = kept() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
// What is shown: nobody or a person, and what went wrong last.
let person = null;
let problem = ledBack();
// What the OpenID provider is called, where there is one.
let provider = null;

// What went wrong at the OpenID provider, which leads back to this page.
function ledBack() {
  const word = new URLSearchParams(location.search).get("problem");
  if (word === null) return null;
  history.replaceState(null, "", location.pathname);
  return { word: Object.hasOwn(TEXTS.en.problems, word) ? word : "other", wait: "30" };
}

// A browser may keep nothing.
function kept() {
  try {
    const written = localStorage.getItem(LANGUAGE);
    return written in TEXTS ? written : null;
  } catch {
    return null;
  }
}

function keep() {
  try {
    localStorage.setItem(LANGUAGE, language);
  } catch {
    // It is asked of the browser again next time.
  }
}

function show() {
  const texts = TEXTS[language];
  document.documentElement.lang = language;
  document.title = TITLES[language];
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = texts[element.dataset.text];
  }
  const other = language === "en" ? "zh" : "en";
  at("language").textContent = other === "zh" ? "中文" : "English";
  at("language").lang = other;
  at("form").hidden = person !== null;
  at("openid").hidden = provider === null;
  at("openid").textContent = provider === null ? "" : texts.openid(provider);
  at("inside").hidden = person === null;
  if (person !== null) {
    at("who").textContent = texts.inside(person.display);
    at("role").textContent = texts.roles[person.role] ?? person.role;
  }
  const words = problem && (texts.problems[problem.word] ?? texts.problems.other);
  at("problem").textContent = typeof words === "function" ? words(problem.wait) : words ?? "";
}

// The answer, or null where there was none.
async function ask(path, body) {
  const post = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) };
  try {
    return await fetch(path, body === undefined ? {} : post);
  } catch {
    return null;
  }
}

async function refusal(response) {
  if (response === null) return { word: "network" };
  const told = await response.json().catch(() => ({}));
  return { word: told.error ?? "other", wait: response.headers.get("Retry-After") ?? "30" };
}

async function signIn(event) {
  event.preventDefault();
  at("submit").disabled = true;
  const [name, password, code] = ["name", "password", "code"].map((id) => at(id).value);
  const response = await ask("/api/sign-in", code === "" ? { name, password } : { name, password, code });
  at("submit").disabled = false;
  if (response?.ok) {
    person = await response.json();
    problem = null;
    at("form").reset();
    if (AT_DESK.includes(person.role)) return location.replace(DESK);
    at("code-field").hidden = true;
    at("code").required = false;
    show();
    at("who").focus();
    return;
  }
  problem = await refusal(response);
  let wrong = "password";
  if (problem.word === "code") {
    if (at("code-field").hidden) problem.word = "askCode";
    at("code-field").hidden = false;
    at("code").required = true;
    wrong = "code";
  }
  show();
  at(wrong).focus();
  at(wrong).select();
}

async function signOut() {
  const response = await ask("/api/sign-out", {});
  if (!response?.ok) {
    problem = await refusal(response);
    return show();
  }
  person = null;
  problem = null;
  show();
  at("name").focus();
}

at("form").addEventListener("submit", signIn);
at("sign-out").addEventListener("click", signOut);
at("language").addEventListener("click", () => {
  language = language === "en" ? "zh" : "en";
  keep();
  show();
});

ask("/api/openid").then(async (response) => {
  provider = response?.ok ? (await response.json()).name : null;
  if (provider !== null && !at("form").hidden) show();
});

ask("/api/me").then(async (response) => {
  if (response?.ok) person = await response.json();
  if (AT_DESK.includes(person?.role)) return location.replace(DESK);
  show();
  if (person === null) at("name").focus();
});
