// Owns the precompiled libtorch headers; see framework/CMakeLists.txt.
#include <stet/model/torch.hpp>
