// The best classes of a picture.
//
//   classify MODEL PICTURE
#include <iostream>

#include "runner/decode_classes.h"
#include "runner/preprocess.h"
#include "runner/session.h"

namespace {

permafrost::Status Classify(const std::string& model, const std::string& picture_path) {
  ASSIGN_OR_RETURN(permafrost::Session session, permafrost::Session::Open(model, {}));
  // Size, mean, scale and order of channels are those of model.json.
  ASSIGN_OR_RETURN(permafrost::Picture picture, permafrost::LoadPicture(picture_path, session.inputs()[0], {}));
  ASSIGN_OR_RETURN(const auto outputs, session.Run({{session.inputs()[0].name, std::move(picture.array)}}));
  ASSIGN_OR_RETURN(const auto classes, permafrost::TopClasses(outputs[0].array, /*k=*/3, /*softmax=*/false));
  for (const permafrost::ClassScore& best : classes[0]) std::cout << best.index << "  " << best.score << "\n";
  return permafrost::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: classify MODEL PICTURE\n";
    return 2;
  }
  const permafrost::Status status = Classify(argv[1], argv[2]);
  if (!status.ok()) std::cerr << permafrost::Message(status) << "\n";
  return permafrost::ExitCode(status);
}
