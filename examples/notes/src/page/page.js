// Everything that comes from elsewhere, such as a tenant's name or a note, is set as text and never as markup.

/** An element with its text or its children. */
function element(name, content = [], attributes = {}) {
  const made = document.createElement(name);
  made.append(...[content].flat());
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  return made;
}

/** Sends a request of this person in this tenant, and returns what came of it. */
async function send(person, tenant, method, body) {
  const response = await fetch(`as/${person}/in/${tenant}/notes`, {
    method,
    body: body === undefined ? undefined : JSON.stringify({ body }),
    headers: body === undefined ? {} : { "content-type": "application/json" },
    credentials: "omit",
  });
  const steps = decodeURIComponent(response.headers.get("explanation") ?? "");
  const answer = await response.json().catch(() => null);
  return { status: response.status, answer, steps: steps === "" ? [] : steps.split("\n") };
}

/** What an answer shows: notes, or the code of a refusal. */
function shown({ status, answer }) {
  if (Array.isArray(answer)) {
    return element("ul", answer.map((note) => element("li", String(note.body))), { class: "notes" });
  }
  return element("p", status < 300 ? "written" : String(answer?.code ?? "no answer"), { class: "code" });
}

function cell(person, tenant) {
  const read = element("button", "read notes", { type: "button", class: "read" });
  const note = element("input", [], { "aria-label": "a note", maxlength: "200" });
  const write = element("button", "write note", { type: "submit", class: "write" });
  const form = element("form", [read, note, write]);
  const result = element("div", [], { "aria-live": "polite" });
  const made = element("td", [form, result], { "data-person": person, "data-tenant": tenant, "data-sent": 0 });
  let sent = 0;
  const act = async (method, body) => {
    const came = await send(person, tenant, method, body);
    made.dataset.admitted = String(came.status < 300);
    result.replaceChildren(
      element("p", `${method} /notes: ${came.status}`, { class: "status" }),
      shown(came),
      element("ol", came.steps.map((step) => element("li", step)), { class: "steps" }),
    );
    sent += 1;
    made.dataset.sent = String(sent);
  };
  read.addEventListener("click", () => act("GET"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act("POST", note.value);
    note.value = "";
  });
  return made;
}

const { people, tenants } = await (await fetch("cast", { credentials: "omit" })).json();
const named = (name, more) => element("th", [name, element("small", more)], { scope: "col" });
const head = element("tr", [element("td"), ...tenants.map((tenant) => named(tenant.name, tenant.id))]);
const rows = people.map((person, index) => {
  const cells = tenants.map((_, tenant) => cell(index, tenant));
  return element("tr", [named(person.name, person.role), ...cells]);
});
document.querySelector("main").append(element("table", [element("thead", head), element("tbody", rows)]));
