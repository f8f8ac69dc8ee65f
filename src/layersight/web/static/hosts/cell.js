// The page in a cell of a notebook.

import { mount } from "../explorer.js";
import { widgetAddress, widgetHost } from "./widget.js";

export const widget = {
  /** @param {{model: any, el: HTMLElement}} where */
  render({ model, el }) {
    const box = document.createElement("div");
    box.style.height = model.get("height");
    el.append(box);
    const host = widgetHost(model);
    const unmount = mount(box, host, { address: widgetAddress(model) });
    return () => {
      unmount();
      host.close();
    };
  },
};
