"""Keys and tokens of services, in the forms that the services document or are known for."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable

from benchmarks.leaks import checksums
from benchmarks.leaks.forms import ALPHABETS, filled, uuid
from benchmarks.leaks.planted import Maker, Secret

__all__ = ["ACCESS_TOKENS", "API_KEYS", "drawn", "token_of"]

_UP32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def drawn(rng: random.Random, alphabet: str, length: int) -> str:
    """Characters from the alphabet, at least one of them a digit where the alphabet has digits and the text is long."""
    text = rng.choices(alphabet, k=length)
    if length > 12 and "7" in alphabet and not any(char.isdigit() for char in text):
        text[rng.randrange(length)] = "7"
    return "".join(text)


def token_of(rng: random.Random, form: str) -> str:
    """The form filled; `{uuid:4}` is a UUID."""
    while "{uuid:4}" in form:
        form = form.replace("{uuid:4}", uuid(rng), 1)
    return filled(rng, form, drawn)


# service, name in a sentence, name of a setting, form
_PREFIXED = (
    ("openai", "OpenAI", "OPENAI_API_KEY", "sk-proj-{u:74}T3BlbkFJ{u:74}"),
    ("openai", "OpenAI", "OPENAI_KEY", "sk-{an:20}T3BlbkFJ{an:20}"),
    ("openai", "ChatGPT", "openai.api-key", "sk-svcacct-{u:58}T3BlbkFJ{u:58}"),
    ("anthropic", "Anthropic", "ANTHROPIC_API_KEY", "sk-ant-api03-{u:93}AA"),
    ("anthropic", "Claude", "CLAUDE_KEY", "sk-ant-admin01-{u:93}AA"),
    ("xai", "xAI", "XAI_API_KEY", "xai-{an:80}"),
    ("groq", "Groq", "GROQ_API_KEY", "gsk_{an:20}WGdyb3FY{an:24}"),
    ("replicate", "Replicate", "REPLICATE_API_TOKEN", "r8_{an:37}"),
    ("perplexity", "Perplexity", "PPLX_KEY", "pplx-{an:48}"),
    ("openrouter", "OpenRouter", "OPENROUTER_API_KEY", "sk-or-v1-{hex:64}"),
    ("deepseek", "DeepSeek", "DEEPSEEK_KEY", "sk-{hex:32}"),
    ("elevenlabs", "ElevenLabs", "XI_API_KEY", "sk_{hex:48}"),
    ("stripe", "Stripe", "STRIPE_SECRET", "sk_live_{an:24}"),
    ("stripe", "Stripe", "stripe.secretKey", "sk_live_51{an:97}"),
    ("stripe", "Stripe restricted", "STRIPE_RESTRICTED", "rk_live_51{an:97}"),
    ("stripe", "Stripe test", "STRIPE_TEST", "sk_test_51{an:97}"),
    ("stripe", "Stripe signing", "STRIPE_ENDPOINT_SECRET", "whsec_{an:32}"),
    ("square", "Square", "SQUARE_ACCESS", "EAAA{u:60}"),
    ("square", "Square OAuth", "SQ_SECRET", "sq0csp-{u:43}"),
    ("sendgrid", "SendGrid", "SENDGRID_API_KEY", "SG.{u:22}.{u:43}"),
    ("mailgun", "Mailgun", "MAILGUN_KEY", "key-{hex:32}"),
    ("mailgun", "Mailgun", "MG_SENDING_KEY", "{hex:32}-{hex:8}-{hex:8}"),
    ("mailchimp", "Mailchimp", "MC_API", "{hex:32}-us{d:1-2}"),
    ("brevo", "Brevo", "BREVO_API_KEY", "xkeysib-{hex:64}-{an:16}"),
    ("resend", "Resend", "RESEND_API_KEY", "re_{an:8}_{an:24}"),
    ("mailersend", "MailerSend", "MAILERSEND_TOKEN", "mlsn.{hex:64}"),
    ("twilio", "Twilio API", "TWILIO_KEY_SID", "SK{hex:32}"),
    ("newrelic", "New Relic", "NEW_RELIC_USER_KEY", "NRAK-{up:27}"),
    ("grafana", "Grafana Cloud", "GRAFANA_CLOUD", "glc_eyJvIjoiO{an:90}"),
    ("dynatrace", "Dynatrace", "DT_TOKEN", "dt0c01.{b32:24}.{b32:64}"),
    ("postman", "Postman", "POSTMAN", "PMAK-{hex:24}-{hex:34}"),
    ("linear", "Linear", "LINEAR_KEY", "lin_api_{an:40}"),
    ("google", "Gemini", "GEMINI_API_KEY", "AIza{u:35}"),
    ("google", "Google OAuth client", "client_secret", "GOCSPX-{u:28}"),
    ("alibaba", "Aliyun", "ALICLOUD_ACCESS_KEY", "LTAI5t{an:18}"),
    ("render", "Render", "RENDER_API_KEY", "rnd_{an:28}"),
    ("heroku", "Heroku", "HEROKU_API_KEY", "HRKU-AA{u:58}"),
    ("supabase", "Supabase", "SUPABASE_SECRET", "sb_secret_{u:31}"),
    ("neon", "Neon", "NEON_API_KEY", "napi_{low:64}"),
    ("age", "age", "AGE_IDENTITY", "AGE-SECRET-KEY-1{bech:58}"),
    ("razorpay", "Razorpay", "RAZORPAY_ID", "rzp_live_{an:14}"),
    ("posthog", "PostHog", "POSTHOG_PERSONAL", "phx_{an:43}"),
    ("nuget", "NuGet", "NUGET_PUSH", "oy2{low:43}"),
    ("tailscale", "Tailscale", "TS_AUTHKEY", "tskey-auth-k{an:11}CNTRL-{an:32}"),
    ("hubspot", "HubSpot", "HUBSPOT_TOKEN", "pat-eu1-{uuid:4}"),
    ("klaviyo", "Klaviyo", "KLAVIYO_PRIVATE", "pk_{hex:34}"),
    ("paystack", "Paystack", "PAYSTACK_SECRET", "sk_live_{hex:40}"),
    ("mapbox", "Mapbox secret", "MAPBOX_SK", "sk.eyJ1Ijoi{an:64}.{u:22}"),
)
_BARE = (  # nothing but the service's name tells
    ("datadog", "Datadog", "DD_API_KEY", "{hex:32}"),
    ("postmark", "Postmark", "POSTMARK_SERVER_TOKEN", "{uuid:4}"),
    ("cloudflare", "Cloudflare", "CF_GLOBAL_KEY", "{hex:37}"),
    ("mistral", "Mistral", "MISTRAL_KEY", "{an:32}"),
    ("cohere", "Cohere", "CO_API_KEY", "{an:40}"),
    ("zendesk", "Zendesk", "ZENDESK_TOKEN", "{an:40}"),
    ("opsgenie", "Opsgenie", "OPSGENIE_KEY", "{uuid:4}"),
    ("snyk", "Snyk", "SNYK_TOKEN", "{uuid:4}"),
    ("mailjet", "Mailjet", "MJ_APIKEY_PRIVATE", "{hex:32}"),
    ("sparkpost", "SparkPost", "SPARKPOST_KEY", "{hex:40}"),
    ("azure", "Azure OpenAI", "AZURE_OPENAI_KEY", "{hex:32}"),
    ("pagerduty", "PagerDuty", "PD_KEY", "u+{u:18}"),
    ("okta", "Okta", "OKTA_SSWS", "00{u:40}"),
    ("mandrill", "Mandrill", "MANDRILL_KEY", "{u:22}"),
    ("ibm", "IBM Cloud", "IBMCLOUD_KEY", "{u:44}"),
    ("vercel", "Vercel", "VERCEL_TOKEN", "{an:24}"),
)
_TOKENS = (
    ("github", "GitHub fine-grained", "GH_TOKEN", "github_pat_{an:22}_{an:59}"),
    ("gitlab", "GitLab", "GITLAB_TOKEN", "glpat-{u:20}"),
    ("gitlab", "GitLab deploy", "CI_DEPLOY", "gldt-{u:20}"),
    ("gitlab", "GitLab runner", "RUNNER_TOKEN", "glrt-{u:20}"),
    ("gitlab", "GitLab trigger", "TRIGGER", "glptt-{hex:40}"),
    ("bitbucket", "Bitbucket app", "BB_APP", "ATBB{an:32}"),
    ("digitalocean", "DigitalOcean", "DO_PAT", "dop_v1_{hex:64}"),
    ("digitalocean", "DigitalOcean refresh", "DO_REFRESH", "dor_v1_{hex:64}"),
    ("netlify", "Netlify", "NETLIFY_AUTH_TOKEN", "nfp_{an:36}"),
    ("supabase", "Supabase", "SUPABASE_PAT", "sbp_{hex:40}"),
    ("planetscale", "PlanetScale", "PSCALE", "pscale_tkn_{u:43}"),
    ("planetscale", "PlanetScale", "PSCALE_PASSWORD", "pscale_pw_{u:43}"),
    ("databricks", "Databricks", "DATABRICKS_TOKEN", "dapi{hex:32}"),
    ("vault", "HashiCorp Vault", "VAULT_TOKEN", "hvs.{u:92}"),
    ("terraform", "Terraform Cloud", "TFE_TOKEN", "{an:14}.atlasv1.{u:66}"),
    ("doppler", "Doppler", "DOPPLER_TOKEN", "dp.st.prd.{an:43}"),
    ("pulumi", "Pulumi", "PULUMI_ACCESS_TOKEN", "pul-{hex:40}"),
    ("docker", "Docker Hub", "DOCKERHUB_PAT", "dckr_pat_{u:27}"),
    ("kubernetes", "kubeadm join", "BOOTSTRAP", "{low:6}.{low:16}"),
    ("pypi", "PyPI", "TWINE_PASSWORD", "pypi-AgEIcHlwaS5vcmc{u:130}"),
    ("rubygems", "RubyGems", "GEM_HOST_API_KEY", "rubygems_{hex:48}"),
    ("crates", "crates.io", "CARGO_REGISTRY_TOKEN", "cio{an:32}"),
    ("sentry", "Sentry", "SENTRY_AUTH_TOKEN", "sntryu_{hex:64}"),
    ("sonar", "SonarQube", "SONAR_TOKEN", "squ_{hex:40}"),
    ("circleci", "CircleCI", "CIRCLE_TOKEN", "CCIPAT_{an:22}_{hex:40}"),
    ("buildkite", "Buildkite", "BK_TOKEN", "bkua_{hex:40}"),
    ("notion", "Notion", "NOTION_TOKEN", "ntn_{d:11}{an:35}"),
    ("notion", "Notion", "NOTION_OLD", "secret_{an:43}"),
    ("airtable", "Airtable", "AIRTABLE_PAT", "pat{an:14}.{hex:64}"),
    ("figma", "Figma", "FIGMA_TOKEN", "figd_{u:40}"),
    ("shopify", "Shopify", "SHOPIFY_ADMIN", "shpat_{hex:32}"),
    ("plaid", "Plaid", "PLAID_ACCESS", "access-production-{uuid:4}"),
    ("braintree", "Braintree", "BT_ACCESS", "access_token$production${low:16}${hex:32}"),
    ("slack", "Slack bot", "SLACK_BOT_TOKEN", "xoxb-{d:12}-{d:13}-{an:24}"),
    ("slack", "Slack user", "SLACK_USER_TOKEN", "xoxp-{d:12}-{d:12}-{d:13}-{hex:32}"),
    ("slack", "Slack app", "SLACK_APP_TOKEN", "xapp-1-A{up:10}-{d:13}-{hex:64}"),
    ("telegram", "Telegram bot", "TG_BOT", "{d:10}:AA{u:33}"),
    ("huggingface", "Hugging Face", "HF_TOKEN", "hf_{let:34}"),
    ("jfrog", "Artifactory", "JFROG_KEY", "AKCp{an:69}"),
    ("meta", "Facebook Graph", "FB_TOKEN", "EAAG{an:140}"),
    ("dropbox", "Dropbox", "DBX_TOKEN", "sl.{u:130}"),
    ("google", "Google", "GOOGLE_ACCESS_TOKEN", "ya29.{u:120}"),
    ("google", "Google refresh", "refresh_token", "1//03{u:90}"),
    ("sourcegraph", "Sourcegraph", "SRC_ACCESS_TOKEN", "sgp_{hex:40}"),
    ("mongodb", "MongoDB Atlas service account", "ATLAS_SECRET", "mdb_sa_sk_{u:40}"),
    ("fly", "Fly.io", "FLY_API_TOKEN", "FlyV1 fm2_{b64:140}"),
    ("yandex", "Yandex Cloud", "YC_KEY", "AQVN{u:36}"),
    ("salesforce", "Salesforce", "SF_SESSION", "00D{an:12}!AQ{u:92}"),
)


# what the services themselves call an identity and an app password
_ALSO = {"age": ("private_key",), "bitbucket": ("password",), "planetscale": ("password",)}


def _shaped(kind: str, row: tuple[str, str, str, str], topic: str) -> Maker:
    service, named, label, form = row

    def make(rng: random.Random) -> Secret:
        return Secret(kind, service, token_of(rng, form), topic, label, named, kinds=_ALSO.get(service, ()))

    return make


def _aws_pair(rng: random.Random) -> Secret:
    value = drawn(rng, ALPHABETS["b64"], 40)
    identity = "AKIA" + drawn(rng, _UP32, 16)
    whole = rng.choice((
        f"{identity} / {value}",
        f"aws_access_key_id = {identity}\naws_secret_access_key = {value}",
        f"Access key ID: {identity}\nSecret access key: {value}",
    ))  # fmt: skip
    return Secret("api_key", "aws", value, "token", "AWS", "AWS", whole, also=(identity,))


def _aws_id(rng: random.Random) -> Secret:
    return Secret("api_key", "aws", rng.choice(("AKIA", "ASIA")) + drawn(rng, _UP32, 16), "token", "AWS_ACCESS_KEY_ID", "AWS")


def _github(rng: random.Random) -> Secret:
    value = checksums.github(rng.choice(("ghp_", "gho_", "ghs_", "ghu_")), drawn(rng, ALPHABETS["an"], 30))
    return Secret("access_token", "github", value, "token", "GITHUB_TOKEN", "GitHub")


def _npm(rng: random.Random) -> Secret:
    value = checksums.github("npm_", drawn(rng, ALPHABETS["an"], 30))
    return Secret("access_token", "npm", value, "token", "NPM_TOKEN", "npm")


def _gitlab_routable(rng: random.Random) -> Secret:
    payload = f"o:{rng.randrange(9999)}\nu:{rng.randrange(99999)}\n".encode() + rng.randbytes(16)
    return Secret("access_token", "gitlab", checksums.gitlab_routable("glpat-", payload), "token", "CI_JOB_PAT", "GitLab")


def _atlassian(rng: random.Random) -> Secret:
    held = "ATATT3xFfGF0" + drawn(rng, ALPHABETS["u"], 171)
    held += "="
    return Secret("access_token", "atlassian", held + checksums.crc_hex(held[:-1], upper=True), "token", "JIRA_TOKEN", "Jira")


def _grafana(rng: random.Random) -> Secret:
    held = "glsa_" + drawn(rng, ALPHABETS["an"], 32)
    value = f"{held}_{checksums.crc_hex(held, little=True)}"
    return Secret("access_token", "grafana", value, "token", "GRAFANA_SA", "Grafana")


def _azure_storage(rng: random.Random) -> Secret:
    value = base64.b64encode(rng.randbytes(64)).decode()
    return Secret("api_key", "azure", value, "near", "AZURE_STORAGE_KEY", "Azure Storage")


def _entra(rng: random.Random) -> Secret:
    value = f"{drawn(rng, ALPHABETS['an'], 3)}8Q~{drawn(rng, ALPHABETS['u'], 33)}A"
    return Secret("api_key", "azure", value, "token", "CLIENT_SECRET", "Entra ID")


def _discord(rng: random.Random) -> Secret:
    number = base64.b64encode(str(rng.randrange(10**17, 10**18)).encode()).decode().rstrip("=")
    value = f"{number}.{drawn(rng, string.ascii_letters, 6)}.{drawn(rng, ALPHABETS['u'], 38)}"
    return Secret("access_token", "discord", value, "token", "DISCORD_TOKEN", "Discord bot")


def _confluent(rng: random.Random) -> Secret:
    held = "cflt" + drawn(rng, ALPHABETS["b64"], 50)
    return Secret("api_key", "confluent", held + checksums.base64_crc(held), "token", "CONFLUENT_SECRET", "Confluent")


def _wireguard(rng: random.Random) -> Secret:
    value = base64.b64encode(rng.randbytes(32)).decode()
    whole = f"[Interface]\nPrivateKey = {value}\nAddress = 192.0.2.{rng.randrange(2, 250)}/32\nDNS = 192.0.2.1"
    return Secret("api_key", "wireguard", value, "pasted", "WG", "WireGuard", whole, kinds=("private_key",))


API_KEYS: tuple[Callable[[random.Random], Secret], ...] = (
    *(_shaped("api_key", row, "token") for row in _PREFIXED),
    *(_shaped("api_key", row, "near") for row in _BARE),
    _aws_pair, _aws_id, _azure_storage, _entra, _confluent, _wireguard,
)  # fmt: skip
ACCESS_TOKENS: tuple[Callable[[random.Random], Secret], ...] = (
    *(_shaped("access_token", row, "token") for row in _TOKENS),
    _github, _npm, _gitlab_routable, _atlassian, _grafana, _discord,
)  # fmt: skip
