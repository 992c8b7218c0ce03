
2
xPlaceholder*
dtype0*
shape
:

aRelux*
T0

bNegx*
T0

yAddab*
T0"¿