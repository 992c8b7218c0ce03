
2
xPlaceholder*
dtype0*
shape
:

aRelux*
T0

bRelux*
T0

ySubab*
T0"¿