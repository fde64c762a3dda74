// An object to own a precompiled header; see framework/CMakeLists.txt.
