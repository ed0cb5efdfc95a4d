// A button that copies data.text and says so for a moment.

const SAID = 1600; // ms

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button") ?? parentElement.appendChild(document.createElement("button"));
  button.type = "button";
  button.title = data.hint;
  button.textContent = data.label;
  let timer;
  button.onclick = async () => {
    const done = await copied(data.text);
    button.textContent = done ? "Copied" : "The browser refused";
    clearTimeout(timer);
    timer = setTimeout(() => (button.textContent = data.label), SAID);
  };
  return () => clearTimeout(timer);
}

// Browsers keep the clipboard from pages that come without TLS from another machine: there a
// selected text and the old command still work.
async function copied(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text;
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
