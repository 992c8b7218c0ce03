
2
xPlaceholder*
dtype0*
shape
:

aRelux*
T0

yNega*
T0

zAbsa*
T0"¿