inherit python3native
DEPENDS += "python3-setuptools-native"
