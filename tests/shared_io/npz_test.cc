#include "shared_io/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared_io/npy.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/zip_writing.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Npz, GivesBackWhatItWrote) {
  const TemporaryFolder folder;
  const NamedArrays arrays = {{"b/x", FloatArray({2, 1}, {1, 2})}, {"a", FloatArray({}, {7})}};
  ASSERT_TRUE(WriteNpz(folder.File("two.npz"), arrays).ok());
  const auto back = ReadNpz(folder.File("two.npz"));
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ(back->size(), 2U);
  EXPECT_EQ((*back)[0].first, "b/x");
  EXPECT_THAT((*back)[0].second.dims, ElementsAre(2, 1));
  EXPECT_EQ((*back)[1].first, "a");
  EXPECT_THAT(*ToFloats((*back)[1].second), ElementsAre(7));
  EXPECT_TRUE(ParseNpz(*NpzBytes({}))->empty());
}

TEST(Npz, ReadsPackedMembers) {
  ZippedFile file;
  file.name = "x.npy";
  file.bytes = *NpyBytes(FloatArray({2}, {3, 4}));
  file.deflate = true;
  const auto arrays = ParseNpz(ZipOf({file}));
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  EXPECT_THAT(*ToFloats((*arrays)[0].second), ElementsAre(3, 4));
}

TEST(Npz, RefusesWhatIsNoArchiveOfArrays) {
  const std::string good = *NpzBytes({{"x", FloatArray({2}, {1, 2})}});
  EXPECT_FALSE(ParseNpz("").ok());
  EXPECT_FALSE(ParseNpz("PK\x03\x04").ok());
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(ParseNpz(good.substr(0, size)).ok()) << size;
  EXPECT_THAT(Message(ParseNpz(good, 100).status()), HasSubstr("too much"));
  std::string flipped = good;
  flipped[good.find("\x93NUMPY") + 130] ^= 1;
  EXPECT_THAT(Message(ParseNpz(flipped).status()), HasSubstr("checksum"));
  ZippedFile text;
  text.name = "readme.txt";
  text.bytes = "hello";
  EXPECT_THAT(Message(ParseNpz(ZipOf({text})).status()), HasSubstr("holds 'readme.txt'"));
  text.name = "x.npy";
  EXPECT_THAT(Message(ParseNpz(ZipOf({text})).status()), HasSubstr("npz: 'x.npy': npy: does not start"));
  EXPECT_FALSE(NpzBytes({{"x", {ElementType::kFloat, {3}, "short"}}}).ok());
}

}  // namespace
}  // namespace permafrost
