
2
xPlaceholder*
dtype0*
shape
:

idIdentityx*
T0

aReluid*
T0

bNegid*
T0"¿