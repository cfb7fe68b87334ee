// SPDX-License-Identifier: MIT
// The compiled halves of Asio and Beast, once for all programs.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
