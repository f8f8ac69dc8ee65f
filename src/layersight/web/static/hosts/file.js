// The page as one file.

import { mount } from "../explorer.js";
import { hashAddress } from "./address.js";
import { exportedHost } from "./exported.js";

const data = JSON.parse(document.getElementById("layersight-data").textContent);
mount(document.getElementById("explorer"), exportedHost(data), { address: hashAddress() });
