#include "runner/pipeline/queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace permafrost {
namespace {

TEST(BoundedQueue, HandsEverythingOnOnce) {
  BoundedQueue<std::unique_ptr<int>> queue(3);
  std::atomic<int64_t> sum = 0, count = 0;
  std::vector<std::thread> takers, givers;
  for (int t = 0; t < 3; ++t) {
    takers.emplace_back([&] {
      while (auto value = queue.Pop()) {
        sum += **value;
        ++count;
      }
    });
  }
  for (int t = 0; t < 2; ++t) {
    givers.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) EXPECT_TRUE(queue.Push(std::make_unique<int>(t * 500 + i)));
    });
  }
  for (std::thread& giver : givers) giver.join();
  queue.Close();
  for (std::thread& taker : takers) taker.join();
  EXPECT_EQ(count, 1000);
  EXPECT_EQ(sum, 999 * 1000 / 2);
}

TEST(BoundedQueue, HoldsNoMoreThanItsCapacity) {
  BoundedQueue<int> queue(2);
  std::atomic<int> pushed = 0;
  std::thread giver([&] {
    for (int i = 0; i < 4; ++i) {
      if (queue.Push(i)) ++pushed;
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(pushed, 2);
  EXPECT_EQ(queue.Pop(), 0);
  EXPECT_EQ(queue.Pop(), 1);
  giver.join();
  EXPECT_EQ(pushed, 4);
}

TEST(BoundedQueue, EndsWaitsWhenItIsClosed) {
  BoundedQueue<int> queue(1);
  ASSERT_TRUE(queue.Push(1));
  std::thread closer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    queue.Close();
  });
  EXPECT_FALSE(queue.Push(2));
  closer.join();
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), std::nullopt);
  EXPECT_EQ(BoundedQueue<int>(1).PopUntil(std::chrono::steady_clock::now()), std::nullopt);
}

}  // namespace
}  // namespace permafrost
