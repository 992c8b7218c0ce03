#include "runner/writers/sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

TEST(Sink, FillsAFileThatIsThereAtTheEnd) {
  const TemporaryFolder folder;
  auto sink = FileSink(folder.File("out"));
  ASSERT_TRUE(sink.ok()) << sink.status();
  ASSERT_TRUE((*sink)->Append("ab").ok());
  EXPECT_EQ((*sink)->size(), 2);
  EXPECT_FALSE(std::filesystem::exists(folder.File("out")));
  ASSERT_TRUE((*sink)->Finish().ok());
  EXPECT_EQ(folder.Read("out"), "ab");
}

TEST(Sink, CutsAGrowingFileAndGoesOn) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("out", "first\nhalf a li");
  {
    auto sink = GrowingFileSink(path, 6);
    ASSERT_TRUE(sink.ok()) << sink.status();
    EXPECT_EQ((*sink)->size(), 6);
    ASSERT_TRUE((*sink)->Append("second\n").ok());
    EXPECT_EQ(folder.Read("out"), "first\n") << "not yet written";
    ASSERT_TRUE((*sink)->Sync().ok());
    EXPECT_EQ((*sink)->size(), 13);
  }
  EXPECT_EQ(folder.Read("out"), "first\nsecond\n");
  EXPECT_FALSE(GrowingFileSink(path, 99).ok());
  EXPECT_FALSE(GrowingFileSink("/dev/full", 0).ok());
}

TEST(Sink, ReportsWhatCannotBeWritten) {
  const TemporaryFolder folder;
  EXPECT_FALSE(FileSink(folder.File("none/out")).ok());
  EXPECT_FALSE(FileSink(folder.path()).ok());
  EXPECT_FALSE(GrowingFileSink(folder.File("none/out"), 0).ok());
  EXPECT_FALSE(GrowingFileSink(folder.path(), 0).ok());
  std::ostringstream stream;
  const auto sink = StreamSink(stream);
  EXPECT_TRUE(sink->Append("a").ok());
  stream.setstate(std::ios::badbit);
  EXPECT_FALSE(sink->Append("b").ok());
}

}  // namespace
}  // namespace permafrost
