#include "optimizer/support/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace permafrost {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, GivesTheStandardsValues) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(Crc32c(""), 0U);
}

TEST(Crc32c, ContinuesFromWhatCameBefore) { EXPECT_EQ(Crc32c("6789", Crc32c("12345")), Crc32c("123456789")); }

}  // namespace
}  // namespace permafrost
