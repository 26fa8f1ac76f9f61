/** Where the guest agent listens. Nobody's server wants this port, and only root inside could have taken it. */
export const AGENT_PORT = 1;
/** Inside, the agent hears only the gateway: the host's connections come from there, whatever is open between slot and guest. */
export const AGENT_PATH = "/usr/lib/pandastack/guest-agent";
/** The first token's place; the agent forgets it with the first restore. */
export const TOKEN_VARIABLE = "PANDASTACK_TOKEN";
