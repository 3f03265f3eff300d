// The login of this tab: tokens in sessionStorage, renewed before they end, never in an address.

const KEPT_AS = "gateway-session";
const RENEW_BEFORE_MS = 40_000;

/** Raised when nobody is logged in any more. */
export class LoggedOut extends Error {}

/** A refusal of the gateway, in its own words. */
export class Refused extends Error {
  constructor(status, body) {
    const error = body?.error ?? {};
    const fields = (error.fields ?? []).map((each) => `${each.field}: ${each.rule}`).join("; ");
    super([error.message ?? `answer ${status}`, fields].filter(Boolean).join(" – "));
    this.status = status;
  }
}

export class Session {
  constructor() {
    this.tokens = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "null");
    this.renewal = null;
  }

  get open() {
    return this.tokens !== null;
  }

  async logIn(username, password) {
    await this.#ask({ grant_type: "password", username, password });
  }

  async logOut() {
    const token = this.tokens?.refresh;
    this.forget();
    if (token) await fetch("/oauth/revoke", { method: "POST", body: new URLSearchParams({ token }) }).catch(() => null);
  }

  forget() {
    this.tokens = null;
    sessionStorage.removeItem(KEPT_AS);
  }

  /** Return an access token with some life left; LoggedOut when there is none to be had. */
  async token() {
    if (!this.tokens) throw new LoggedOut();
    if (Date.now() > this.tokens.endsMs - RENEW_BEFORE_MS) {
      // A refresh token is good once, so everybody who needs one waits for the same renewal.
      this.renewal ??= this.#ask({ grant_type: "refresh_token", refresh_token: this.tokens.refresh }).finally(() => {
        this.renewal = null;
      });
      await this.renewal;
    }
    return this.tokens.access;
  }

  /** Make a request with the token; returns the answer, Refused when it is a refusal. */
  async request(method, path, body) {
    const headers = { authorization: `Bearer ${await this.token()}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    if (answer.status === 401) {
      this.forget();
      throw new LoggedOut();
    }
    if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => null));
    return answer;
  }

  async #ask(form) {
    const answer = await fetch("/oauth/token", { method: "POST", body: new URLSearchParams(form) });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      if (form.grant_type === "refresh_token" && answer.status === 400) {
        this.forget();
        throw new LoggedOut();
      }
      throw new Error(body.error_description ?? body.error?.message ?? `answer ${answer.status}`);
    }
    this.tokens = {
      access: body.access_token,
      refresh: body.refresh_token,
      endsMs: Date.now() + body.expires_in * 1000,
    };
    sessionStorage.setItem(KEPT_AS, JSON.stringify(this.tokens));
  }
}
