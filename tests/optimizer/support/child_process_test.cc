#include "optimizer/support/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

namespace permafrost {
namespace {

using ::testing::HasSubstr;

TEST(ChildProcess, HandsBackLongAnswersAndErrors) {
  const std::string answer(3 << 20, 'x');
  EXPECT_EQ(*RunInChild("it", {}, [&]() -> StatusOr<std::string> { return answer; }), answer);
  EXPECT_EQ(*RunInChild("it", {}, [&]() -> StatusOr<std::string> { return std::string(); }), "");
  const auto error = RunInChild("it", {}, []() -> StatusOr<std::string> { return NotFound("no such thing"); });
  EXPECT_TRUE(absl::IsNotFound(error.status()));
  EXPECT_EQ(Message(error.status()), "no such thing");
}

TEST(ChildProcess, TellsHowTheChildDied) {
  const auto killed = RunInChild("it", {}, []() -> StatusOr<std::string> {
    ::kill(::getpid(), SIGKILL);
    return std::string();
  });
  EXPECT_THAT(Message(killed.status()), HasSubstr("it crashed (signal 9"));
  const auto silent = RunInChild("it", {}, []() -> StatusOr<std::string> { ::_exit(7); });
  EXPECT_THAT(Message(silent.status()), HasSubstr("it crashed (ended with code 7"));
  const auto late = RunInChild("it", {.seconds = 0.2}, []() -> StatusOr<std::string> {
    while (true) ::usleep(1000);
  });
  EXPECT_THAT(Message(late.status()), HasSubstr("it did not end within 0.2 s"));
}

void LeaveForGood(int) { ::_exit(3); }

TEST(ChildProcess, KeepsACrashFromTheHandlersOfTheProgram) {
  const auto before = ::signal(SIGSEGV, LeaveForGood);
  const auto crashed = RunInChild("it", {}, []() -> StatusOr<std::string> {
    ::raise(SIGSEGV);
    return std::string();
  });
  ::signal(SIGSEGV, before);
  EXPECT_THAT(Message(crashed.status()), HasSubstr("it crashed (signal 11"));
}

TEST(ChildProcess, KeepsTheChildSilent) {
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(RunInChild("it", {}, []() -> StatusOr<std::string> {
                std::cerr << "noise" << std::endl;
                return std::string();
              }).ok());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace permafrost
