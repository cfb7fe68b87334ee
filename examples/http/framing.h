// SPDX-License-Identifier: MIT
//
// What the server asks of the head of a request beyond what Beast's parser does: that nobody further on can read it in
// another way.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace http {

// What is wrong with it; empty when nothing is. `version` is 10 or 11 for HTTP/1.0 and 1.1.
std::string_view framing_fault(const Request& request, unsigned version);

// "http://host/path" becomes "/path": absolute form must be accepted (RFC 9112, 3.2.2). One without a proper host stays
// as it is, and framing_fault refuses it for that.
std::string origin_form(std::string_view target);

// Whether an Expect field says anything but 100-continue.
bool expects_more_than_continue(const Headers& headers);

}  // namespace http
