// The page that a server gives out.

import { mount } from "./explorer.js";
import { hashAddress } from "./hosts/address.js";
import { httpHost } from "./hosts/http.js";

mount(document.getElementById("explorer"), httpHost(), { address: hashAddress() });
