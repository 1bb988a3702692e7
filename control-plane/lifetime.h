// SPDX-License-Identifier: Apache-2.0
// Lifetime: callbacks of the event loop that do nothing once their object, or its connection, has ended.
// Used by every part of an application that waits on the loop.
#ifndef BMC_CONTROL_PLANE_LIFETIME_H
#define BMC_CONTROL_PLANE_LIFETIME_H

#include <memory>
#include <utility>

namespace bmc {

// A member of the object whose `this` the callbacks hold. Asio calls the handlers of cancelled operations
// later, when that object may be gone. One thread only.
class Lifetime {
 public:
  // `callback`, as long as end() was not called and this Lifetime lives; then nothing.
  template <typename Callback>
  auto guard(Callback callback) const {
    return
        [alive = std::weak_ptr<char>(token_), callback = std::move(callback)](auto&&... arguments) mutable {
          if (!alive.expired()) callback(std::forward<decltype(arguments)>(arguments)...);
        };
  }

  // Silences every callback made so far; later ones are heard.
  void end() { token_ = std::make_shared<char>(); }

 private:
  std::shared_ptr<char> token_ = std::make_shared<char>();
};

}  // namespace bmc

#endif
